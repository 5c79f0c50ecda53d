//! The trace that the browser must give as well: `web/tests/browser.rs` tells the same story.

use expect_test::expect_file;

#[path = "../../../tests/golden/story.rs"]
mod story;

#[test]
fn the_story_gives_the_golden_text() {
    expect_file!["../../../tests/golden/first-packet.txt"].assert_eq(&story::first_packet());
}
