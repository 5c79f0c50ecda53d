//! BusyBox's `nslookup` up to 1.28, as many pages on Kubernetes show it: it asks the C library,
//! and says the name of every address.

use std::net::IpAddr;

use svclab_core::dns::Data;
use svclab_core::lab::With;

use super::nslookup::Asked;
use super::{last_reply, look_up, reverse};
use crate::process::Process;

pub(super) async fn nslookup(
    process: &Process,
    asked: &Asked,
    server: Option<IpAddr>,
    shown: IpAddr,
) -> u8 {
    process.out(&format!("Server:    {shown}\n"));
    addresses(process, &[shown], server).await;
    process.out("\n");
    let found = match asked.name.parse() {
        Ok(ip) => vec![ip],
        Err(_) => match look_up(process, &asked.name, With::Libc, server) {
            Some(found) => {
                process.until(found.ended).await;
                found.addresses.clone()
            }
            None => Vec::new(),
        },
    };
    if found.is_empty() {
        process.err(&format!("nslookup: can't resolve '{}'\n", asked.name));
        return 1;
    }
    process.out(&format!("Name:      {}\n", asked.name));
    addresses(process, &found, server).await;
    0
}

async fn addresses(process: &Process, all: &[IpAddr], server: Option<IpAddr>) {
    for (index, ip) in all.iter().enumerate() {
        let name = name(process, *ip, server).await.map(|it| format!(" {it}")).unwrap_or_default();
        process.out(&format!("Address {}: {ip}{name}\n", index + 1));
    }
}

async fn name(process: &Process, ip: IpAddr, server: Option<IpAddr>) -> Option<String> {
    let with = With::Dig { kind: "PTR".to_owned(), tcp: false };
    let found = look_up(process, &reverse(&ip.to_string())?, with, server)?;
    process.until(found.ended).await;
    let answer = &last_reply(&found)?.answer;
    answer.iter().find_map(|it| match &it.data {
        Data::Ptr(name) => Some(name.relative().to_owned()),
        _ => None,
    })
}
