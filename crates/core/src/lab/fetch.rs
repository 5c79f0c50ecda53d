//! HTTP requests as their clients word them: `curl` and the like.

use std::net::IpAddr;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::Lab;
use super::network::Source;
use super::sites::Sites;
use crate::net::exchange::{self, Client, Fetched, Message};
use crate::time::Duration;
use crate::trace::{Exchange, Request};

/// One request to an address that the client has already found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fetching {
    pub from: Source,
    pub to: IpAddr,
    pub port: u16,
    pub message: Message,
    /// When the client gives up connecting; its kernel does so by itself after a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
}

impl Lab {
    /// None where the sender has no address yet.
    pub(super) fn fetch(&mut self, fetching: &Fetching) -> Option<(Rc<Exchange>, Fetched)> {
        let party = self.party(&fetching.from)?;
        let from = self.net.name_of(&party);
        let Fetching { to, port, message, within, .. } = fetching;
        let (host, what) = (message.host.clone(), message.question());
        let request = Request { from, host, to: *to, port: *port, what };
        let when = self.next_request();
        let version = self.version().release();
        let Lab { net, rng, objects, index, running, proxies, now, .. } = self;
        let site = Sites { objects, index, running, proxies, now: *now, turn: when.0, version };
        let client = Client::from(party);
        let asked = (request, message);
        let (exchange, fetched) = exchange::fetch(net, rng, when, (&client, *within), asked, &site);
        let exchange = Rc::new(exchange);
        self.requested(exchange.clone());
        Some((exchange, fetched))
    }
}
