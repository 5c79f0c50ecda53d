use web_sys::Element;
use yew::prelude::*;

use super::stage::n;
use crate::scene::Point;
use crate::state::{Bar, End, Msg, Volley};
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct BarsProps {
    pub lang: Lang,
    pub bars: Vec<Bar>,
    pub landed: usize,
    pub wanted: usize,
    pub send: Callback<Msg>,
}

/// Who answered how often, and how often the rules let one expect it.
#[component]
pub(super) fn Bars(props: &BarsProps) -> Html {
    let BarsProps { lang, bars, landed, wanted, send } = props;
    let lang = *lang;
    let expected = bars.iter().filter_map(|it| it.expected);
    let most = bars.iter().map(|it| it.count as f64).chain(expected).fold(1.0, f64::max);
    let row = |it: &Bar| {
        let name = words::end_word(lang, &it.end);
        let share = |count: f64| format!("{:.1}%", count * 100.0 / most);
        let class = if matches!(it.end, End::Answered(_)) { "good" } else { "bad" };
        html! {
            <li key={name.clone()} {class}>
                <span class="unseen">{ words::bar(lang, it) }</span>
                <span class="name" aria-hidden="true" title={name.clone()}>{ name }</span>
                <span class="track" aria-hidden="true">
                    <i style={format!("width:{}", share(it.count as f64))} />
                    if let Some(expected) = it.expected {
                        <b style={format!("left:{}", share(expected))} />
                    }
                </span>
                <span class="number" aria-hidden="true">{ it.count }</span>
            </li>
        }
    };
    html! {
        <section class="volley" aria-label={lang.say(Word::Counts)}>
            <header>
                <h2>{ words::volley_title(lang, *landed, *wanted) }</h2>
                <span class="key"><b aria-hidden="true" />{ lang.say(Word::Expected) }</span>
                <button type="button" class="icon" title={lang.say(Word::SkipToEnd)} aria-label={lang.say(Word::SkipToEnd)}
                        onclick={send.reform(|_| Msg::EndVolley)}>{ "✕" }</button>
            </header>
            <ul tabindex="0" aria-label={lang.say(Word::Counts)}>{ for bars.iter().map(row) }</ul>
        </section>
    }
}

/// The parts of the stream that move with every frame.
#[derive(Default, Clone, PartialEq)]
pub(super) struct Stream {
    good: NodeRef,
    bad: NodeRef,
}

impl Stream {
    /// A layer of its own, so that the picture below is not painted anew with it.
    pub(super) fn layer(
        &self,
        lang: Lang,
        size: (f64, f64),
        zoom: f64,
        failures: &[(Point, End, usize)],
    ) -> Html {
        html! {
            <svg class="stream" aria-hidden="true" width={n(size.0 * zoom)} height={n(size.1 * zoom)}
                 viewBox={format!("0 0 {} {}", size.0, size.1)}>
                <path ref={self.good.clone()} class="good" />
                <path ref={self.bad.clone()} class="bad" />
                for (at, end, count) in failures.iter() {
                    <g transform={format!("translate({:.1} {:.1})", at.x, at.y)}>
                        <path class="cross" d="M-6 -6L6 6M6 -6L-6 6" />
                        <text y="20" text-anchor="middle">{ words::failures(lang, end, *count) }</text>
                    </g>
                }
            </svg>
        }
    }

    pub(super) fn paint(&self, volley: &Volley) {
        for (place, dots) in [&self.good, &self.bad].into_iter().zip(volley.dots()) {
            if let Some(path) = place.cast::<Element>() {
                let _ = path.set_attribute("d", &dots);
            }
        }
    }
}
