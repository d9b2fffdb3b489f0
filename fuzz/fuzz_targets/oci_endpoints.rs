//! Fuzzes the list of what may be reached: a vault's endpoint is believed only in two shapes, judged here by hand.
//!
//! Input: region, endpoint, base of an override (or nothing), one a line. No URL parser is used to judge, so a
//! trick that fools one does not fool both.
#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use keywheel::adapters::oci::fuzzing::{domain, vault_endpoint};
use keywheel::model::Region;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let Ok(region) = Region::parse(lines.next().unwrap_or_default()) else { return };
    let endpoint = lines.next().unwrap_or_default();
    let base = lines.next();
    match vault_endpoint(&region, None, endpoint) {
        Ok(url) => assert!(is_the_realms(&url, &region), "{endpoint:?} was believed and leads to {url}"),
        Err(error) => is_harmless(&error),
    }
    match vault_endpoint(&region, Some(base.unwrap_or("http://127.0.0.1:8099")), endpoint) {
        Ok(url) => assert!(is_loopback(&url), "{endpoint:?} was believed and leads to {url}"),
        Err(error) => is_harmless(&error),
    }
    // What is no loopback address overrides nothing.
    if let Some(base) = base
        && vault_endpoint(&region, Some(base), "http://127.0.0.1:1").is_ok()
    {
        // A URL's reader passes over control characters and blanks around it, and over tabs within.
        let read: String = base.chars().filter(|c| *c > ' ').collect();
        assert!(read.to_ascii_lowercase().starts_with("http:"), "{base:?} overrode a region");
    }
});

fn is_harmless(error: &keywheel::Error) {
    let shown = error.to_string();
    assert!(!shown.contains(['\u{1b}', '\r', '\0']), "{shown:?}");
    assert!(shown.chars().count() < 4000, "{shown}");
}

/// `https://<label>.kms.<region>[.oci].<domain>/`, nothing more.
fn is_the_realms(url: &str, region: &Region) -> bool {
    let Ok(domain) = domain(region) else { return false };
    let Some(host) = url.strip_prefix("https://").and_then(|rest| rest.strip_suffix('/')) else { return false };
    let Some((label, zone)) = host.split_once('.') else { return false };
    let zones = [format!("kms.{region}.{domain}"), format!("kms.{region}.oci.{domain}")];
    let is_label =
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    is_label && zones.iter().any(|one| one == zone)
}

/// `http://127.x.x.x[:port]/` or `http://[::1][:port]/`, nothing more.
fn is_loopback(url: &str) -> bool {
    let Some(host) = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')) else { return false };
    let (address, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            (address, port.strip_prefix(':'))
        }
        None => host.split_once(':').map_or((host, None), |(address, port)| (address, Some(port))),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let v4 = address.parse::<Ipv4Addr>().is_ok_and(|one| one.octets()[0] == 127);
    let v6 = address.parse::<Ipv6Addr>().is_ok_and(|one| one == Ipv6Addr::LOCALHOST);
    is_port && (v4 || v6)
}
