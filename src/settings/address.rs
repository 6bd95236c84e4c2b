//! Addresses as people write them: URLs, listeners, networks of proxies.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::config::Address;

/// Bytes of a unix socket's path, as the system limits it.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// What is wrong and what helps.
pub(super) type Refusal = (String, String);

pub(super) fn refuse<T>(what: impl Into<String>, help: impl Into<String>) -> Result<T, Refusal> {
    Err((what.into(), help.into()))
}

/// A web address without a trailing slash and without the default port; host in lower case.
///
/// Plain http is for loopback literals only: a name could be made to point anywhere.
pub(super) fn web_address(text: &str) -> Result<String, Refusal> {
    const HELP: &str = "write scheme, host and perhaps a path, as in \"https://hooks.example.com\"";
    let text = text.trim();
    let Ok(uri) = text.parse::<http::Uri>() else {
        return refuse("no web address", HELP);
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return refuse("no web address", HELP);
    };
    if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
        return refuse("a user, query or fragment has no place in it", HELP);
    }
    let host = authority.host().to_ascii_lowercase();
    if host.is_empty()
        || (authority.as_str().len() > authority.host().len() && authority.port_u16().is_none())
    {
        return refuse("no web address", HELP);
    }
    match scheme {
        "https" => {}
        "http" if is_loopback_literal(&host) => {}
        "http" => {
            return refuse(
                "http would be open to the network",
                "use https; http only to 127.0.0.1 or [::1]",
            );
        }
        other => return refuse(format!("`{other}` is no web scheme"), HELP),
    }
    let port = match (scheme, authority.port_u16()) {
        ("https", Some(443)) | ("http", Some(80)) | (_, None) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    Ok(format!(
        "{scheme}://{host}{port}{}",
        uri.path().trim_end_matches('/')
    ))
}

fn is_loopback_literal(host: &str) -> bool {
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    literal
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

/// An address for the plain listener: loopback or a unix socket.
pub(super) fn listener(text: &str, dir: &Path) -> Result<Address, Refusal> {
    if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
        let path = dir.join(path);
        socket_path(&path)?;
        return Ok(Address::Unix(path));
    }
    let Ok(address) = text.parse::<SocketAddr>() else {
        return refuse(
            format!("{text:?} is no address"),
            "write \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/channelsync/webhook.sock\"",
        );
    };
    if !address.ip().is_loopback() {
        return refuse(
            format!("plain HTTP on {address} would be open to the network"),
            "listen on loopback or a unix socket behind a proxy that speaks TLS (config/Caddyfile.example); \
             own certificate files are not supported yet",
        );
    }
    Ok(Address::Loopback(address))
}

/// Whether a unix socket can be made there.
pub(super) fn socket_path(path: &Path) -> Result<(), Refusal> {
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_BYTES_MAX {
        return refuse(
            format!("a socket's path has at most {SOCKET_PATH_BYTES_MAX} bytes, this has {length}"),
            "choose a shorter one, such as \"/run/channelsync/admin.sock\"",
        );
    }
    Ok(())
}

/// A network, such as `10.0.0.0/8`; a single address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// Reads `ADDRESS` or `ADDRESS/BITS`; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Some(bits_max), |bits| bits.parse().ok())?;
        (prefix_bits <= bits_max).then_some(Self {
            address,
            prefix_bits,
        })
    }

    /// Whether `address` is in it. An IPv4 address inside IPv6 counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = u128::from(own.to_bits() ^ other.to_bits());
                differ.checked_shr(32 - self.prefix_bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.checked_shr(128 - self.prefix_bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_literals_only() {
        for (text, expected) in [
            (
                "https://Hooks.Example.com/",
                Some("https://hooks.example.com"),
            ),
            (
                "https://example.com:443/shop/",
                Some("https://example.com/shop"),
            ),
            ("https://example.com:8443", Some("https://example.com:8443")),
            ("http://127.0.0.1:9000", Some("http://127.0.0.1:9000")),
            ("http://[::1]:9000/a", Some("http://[::1]:9000/a")),
            ("http://localhost:9000", None),
            ("http://127.0.0.1.example.com", None),
            ("http://10.0.0.1", None),
            ("https://user@example.com", None),
            ("https://example.com/?a=b", None),
            ("https://example.com/#a", None),
            ("https://example.com:99999", None),
            ("ftp://example.com", None),
            ("example.com", None),
            ("https://", None),
            ("", None),
        ] {
            assert_eq!(web_address(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn networks_hold_the_addresses_below_their_prefix() {
        for (network, address, expected) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("10.0.0.0/8", "10.255.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::/0", "2001:db8::1", true),
            ("::1/128", "::2", false),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                expected,
                "{network} {address}"
            );
        }
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "a/b",
            "10.0.0.0/-1",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
