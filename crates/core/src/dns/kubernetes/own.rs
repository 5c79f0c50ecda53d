//! The zone's own name server: `ns.dns.<zone>` and NS records (`ns.go`).

use super::super::luck::Luck;
use super::super::name::Name;
use super::find::{Finder, Found, Host, addresses, is_headless, own_ips};

const NAME_SERVER: &str = "ns.dns";

/// `lower` is compared with the zone as it is spelled: `ns.dns.CLUSTER.local` is none.
pub(super) fn is_name_server(lower: &Name, zone: &Name) -> bool {
    *lower == zone.child(NAME_SERVER)
}

impl Finder<'_, '_> {
    /// The Services that have the server's own pod behind them, once for each of its addresses;
    /// without one, the pod itself. A server that listens on given addresses alone has none.
    pub(super) fn name_servers(&self, bound: bool, luck: &mut Luck) -> Vec<Found> {
        if bound {
            return Vec::new();
        }
        let mut res = Vec::new();
        for own in self.cluster.own {
            let mut slices = self.cluster.slices_at(*own);
            luck.open_order(&mut slices);
            for slice in slices {
                let service = slice.service_name().unwrap_or("");
                let service = self.cluster.service(&slice.metadata.namespace, service);
                let Some(service) = service else { continue };
                let name = self.service_name(service);
                if is_headless(service) {
                    let found = addresses(slice).map(|(endpoint, address)| {
                        let name = name.child(&self.label(endpoint, address));
                        Found { host: Host::of(address), port: None, name }
                    });
                    res.extend(found);
                } else {
                    let found = |ip| Found { host: Host::of(ip), port: None, name: name.clone() };
                    res.extend(own_ips(service).map(found));
                }
            }
        }
        if res.is_empty() {
            let name = self.zone.child(NAME_SERVER);
            let itself = self.cluster.own.iter();
            res.extend(itself.map(|it| Found {
                host: Host::of(&it.to_string()),
                port: None,
                name: name.clone(),
            }));
        }
        res
    }
}
