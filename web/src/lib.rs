//! The page: core's values in, a picture out.
//!
//! [`state`] holds the lab and says how messages change it; [`view`] reads from it what is shown,
//! [`objects`] which objects, [`leads`] where a node's rules lead; [`scene`] gives that coordinates; [`timeline`] says where a packet is when; [`gate`] what goes on
//! inside netfilter; [`relations`] what belongs together; [`inspect`] what is known of one thing; [`sniff`] what tcpdump shows; [`marks`] what the time bar paints; [`actions`] what larger clicks do; [`assist`] helps with writing manifests; [`words`] says everything in two languages. None of them knows the browser.
//! [`page`] draws; [`effects`] alone touches storage, clock and address bar.

/// A packet's walk takes a fifth less time than with the standard one, and the page's code is
/// smaller.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::GlobalTlsf = rlsf::GlobalTlsf::new();

pub mod view;
pub mod leads;
pub mod objects;
pub mod scene;
pub mod timeline;
pub mod gate;
pub mod relations;
pub mod sniff;
pub mod inspect;
pub mod marks;
pub mod actions;
pub mod assist;
pub mod words;
pub mod state;
pub mod effects;
pub mod page;
