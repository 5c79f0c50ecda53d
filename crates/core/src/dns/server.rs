//! CoreDNS: a question through the plugins of its server block, in the order of `plugin.cfg`.
//!
//! loadbalance, cache, rewrite, hosts, kubernetes, forward; what none of them writes, the server
//! itself answers with an rcode alone.

use std::rc::Rc;

use super::cache::Store;
use super::corefile::{Block, Config};
use super::kubernetes::{self, Cluster};
use super::luck::Luck;
use super::message::{Query, Rcode, Reply};
use super::name::Name;
use super::upstream::{Forwarded, Upstream};
use super::{edit, size, zone_of};
use crate::time::{Duration, Instant};

/// One CoreDNS process. A clone shares the configuration and what is cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    config: Rc<Config>,
    /// One for each server block.
    caches: Vec<Store>,
}

/// What a server stands among while it answers.
pub struct Around<'a> {
    pub cluster: Cluster<'a>,
    pub upstream: &'a mut dyn Upstream,
    pub luck: Luck<'a>,
    pub now: Instant,
    /// How long the reply was waited for.
    pub waited: Duration,
}

/// How long `forward` waits for one reply, and how often it asks before it gives up.
pub const READ_TIMEOUT: Duration = Duration::from_micros(2_000_000);
const ATTEMPTS: usize = 2;

/// A CNAME to outside is asked through the whole server again, which may lead to another one.
const MAX_NESTED: usize = 8;

impl Server {
    pub fn new(config: impl Into<Rc<Config>>) -> Server {
        let config = config.into();
        Server { caches: vec![Store::default(); config.blocks.len()], config }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether it writes a line of each question for this name that comes in at `port`.
    pub fn logs(&self, name: &Name, port: u16) -> bool {
        block_for(&self.config, name, port).is_some_and(|(_, block)| block.log)
    }

    /// The reply to a question that comes in at `port`; `around.waited` grows by what it takes.
    pub fn answer(&mut self, query: &Query, port: u16, around: &mut Around) -> Reply {
        let mut serving = Serving { server: self, around, port, nested: 0 };
        serving.reply(query)
    }
}

/// A server at work on one question.
pub(super) struct Serving<'s, 'a> {
    server: &'s mut Server,
    pub(super) around: &'s mut Around<'a>,
    port: u16,
    nested: usize,
}

impl Serving<'_, '_> {
    /// The whole server: what no plugin has written is an rcode alone.
    fn reply(&mut self, query: &Query) -> Reply {
        let config = self.server.config.clone();
        let mut reply = match block_for(&config, &query.name, self.port) {
            Some((index, block)) => self.balanced(index, block, query),
            None => Err(Rcode::Refused),
        }
        .unwrap_or_else(|rcode| Reply::new(query, rcode));
        size::scrub(query, &mut reply);
        reply
    }

    /// What the whole server answers to another question (`upstream.Lookup`).
    pub(super) fn look_up(&mut self, query: &Query) -> Reply {
        if self.nested == MAX_NESTED {
            return Reply::new(query, Rcode::ServFail);
        }
        self.nested += 1;
        let reply = self.reply(query);
        self.nested -= 1;
        reply
    }

    fn balanced(&mut self, index: usize, block: &Block, query: &Query) -> Result<Reply, Rcode> {
        let mut reply = self.cached(index, block, query)?;
        if block.loadbalance && reply.rcode == Rcode::NoError {
            self.around.luck.shuffle(&mut reply);
        }
        Ok(reply)
    }

    fn cached(&mut self, index: usize, block: &Block, query: &Query) -> Result<Reply, Rcode> {
        let cache = block.cache.as_ref();
        let Some(settings) = cache.filter(|it| zone_of(&it.zones, &query.name).is_some()) else {
            return self.changed(block, query);
        };
        if let Some(reply) = self.server.caches[index].get(query, self.now()) {
            return Ok(reply);
        }
        let mut reply = self.changed(block, query)?;
        let now = self.now();
        self.server.caches[index].put(settings, query, &mut reply, now);
        Ok(reply)
    }

    fn changed(&mut self, block: &Block, query: &Query) -> Result<Reply, Rcode> {
        if block.rewrite.is_empty() {
            return self.listed(block, query);
        }
        let (new, back) = edit::rewritten(&block.rewrite, query);
        let mut reply = self.listed(block, &new)?;
        edit::restore(&mut reply, query, &back);
        Ok(reply)
    }

    fn listed(&mut self, block: &Block, query: &Query) -> Result<Reply, Rcode> {
        let hosts = block.hosts.as_ref().and_then(|it| edit::hosts(it, query));
        hosts.unwrap_or_else(|| self.known(block, query))
    }

    fn known(&mut self, block: &Block, query: &Query) -> Result<Reply, Rcode> {
        match &block.kubernetes {
            Some(settings) => match kubernetes::serve(self, settings, block.bind, query) {
                kubernetes::Served::Reply(reply) => Ok(reply),
                kubernetes::Served::Rcode(rcode) => Err(rcode),
                kubernetes::Served::Next => self.forwarded(block, query),
            },
            None => self.forwarded(block, query),
        }
    }

    /// The first `forward` for the name; without one the chain ends (`plugin.NextOrFailure`).
    fn forwarded(&mut self, block: &Block, query: &Query) -> Result<Reply, Rcode> {
        let name = &query.name;
        let takes = |it: &&super::corefile::Forward| {
            name.is_in(&it.from) && zone_of(&it.except, name).is_none()
        };
        let Some(forward) = block.forward.iter().find(takes) else { return Err(Rcode::ServFail) };
        for _ in 0..ATTEMPTS {
            match self.around.upstream.ask(query, &forward.to) {
                Forwarded::Reply(reply) => return Ok(reply),
                Forwarded::Refused => return Err(Rcode::ServFail),
                Forwarded::Silent => self.wait(READ_TIMEOUT),
            }
        }
        Err(Rcode::ServFail)
    }

    fn wait(&mut self, span: Duration) {
        let waited = self.around.waited.as_micros() + span.as_micros();
        self.around.waited = Duration::from_micros(waited);
    }

    fn now(&self) -> Instant {
        self.around.now + self.around.waited
    }
}

/// The server block at a port with the longest zone that the name lies in.
fn block_for<'a>(config: &'a Config, name: &Name, port: u16) -> Option<(usize, &'a Block)> {
    let length = |it: &Block| zone_of(&it.zones, name).map(|zone| zone.as_str().len());
    let at_port = config.blocks.iter().enumerate().filter(|(_, it)| it.port == port);
    let matching = at_port.filter(|(_, it)| length(it).is_some());
    matching.max_by_key(|(index, it)| (length(it), std::cmp::Reverse(*index)))
}
