//! Which hosts may be dialled.
//!
//! In: base URLs, and what names resolve to. Out: a checked URL, or a refusal in words. Plain http
//! goes to loopback literals only. Hosts named by an outsider (a portal's URL) are never reached on
//! an address that is not public, neither directly nor through a name: the resolver hands out
//! checked addresses only, and those are what is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Who chose the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The connector or the sysadmin: any address.
    Trusted,
    /// Somebody else: public addresses only.
    Untrusted,
}

/// Why a base URL is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBaseUrl {
    /// Not a URL.
    #[error("not a URL: {0}")]
    Unreadable(String),
    /// Neither http nor https.
    #[error("the scheme is {0}, must be https")]
    Scheme(String),
    /// Something besides scheme, host, port and path prefix.
    #[error("must be scheme, host and port, without {0}")]
    Surplus(&'static str),
    /// Plain http to something other than this machine.
    #[error("plain http goes only to 127.0.0.1 or [::1], not to {0}: use https")]
    PlainHttp(String),
    /// An address that an outsider may not send us to.
    #[error("{0} is not a public address")]
    NotPublic(String),
}

/// Checks the base URL of an account.
///
/// # Errors
/// [`BadBaseUrl`].
pub fn check_base_url(text: &str, host: Host) -> Result<Url, BadBaseUrl> {
    let url = Url::parse(text).map_err(|error| BadBaseUrl::Unreadable(error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadBaseUrl::Surplus("a user"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BadBaseUrl::Surplus("a query or fragment"));
    }
    if text.ends_with('/') {
        return Err(BadBaseUrl::Surplus("a slash at the end"));
    }
    let name = url.host_str().unwrap_or_default().to_owned();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let literal: Option<IpAddr> = bare.parse().ok();
    match url.scheme() {
        "https" => {}
        "http" if literal.is_some_and(|address| address.is_loopback()) => {}
        "http" => return Err(BadBaseUrl::PlainHttp(name)),
        other => return Err(BadBaseUrl::Scheme(other.to_owned())),
    }
    match (host, literal) {
        (Host::Untrusted, Some(address)) if !is_public(address) => Err(BadBaseUrl::NotPublic(name)),
        (Host::Trusted | Host::Untrusted, _) => Ok(url),
    }
}

/// Whether an address belongs to the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// All but the special-purpose blocks of RFC 6890 and its successors.
fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

/// Global unicast without its special blocks; addresses that carry one of IPv4 count as that one.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Mapped, and translated by NAT64.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            carried(high, low)
        }
        // Protocol assignments and Teredo, documentation, 6to4.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

/// A name that leads to no public address.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no public address")]
struct NoPublicAddress(String);

/// Resolves names with the system's resolver, to public addresses only.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NoPublicAddress(name.as_str().to_owned()).into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_https_or_loopback() {
        for text in [
            "https://shop.myshopify.com",
            "https://10.0.0.5:8443",
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:8080",
        ] {
            assert!(check_base_url(text, Host::Trusted).is_ok(), "{text}");
        }
        let surplus = "must be scheme, host and port, without";
        let plain = "plain http goes only to 127.0.0.1 or [::1], not to";
        for (text, complaint) in [
            (
                "http://localhost:8080",
                format!("{plain} localhost: use https"),
            ),
            (
                "http://shop.example",
                format!("{plain} shop.example: use https"),
            ),
            (
                "http://[::ffff:7f00:1]",
                format!("{plain} [::ffff:7f00:1]: use https"),
            ),
            ("http://0.0.0.0", format!("{plain} 0.0.0.0: use https")),
            (
                "ftp://shop.example",
                "the scheme is ftp, must be https".to_owned(),
            ),
            (
                "shop.example",
                "not a URL: relative URL without a base".to_owned(),
            ),
            (
                "https://shop.example/",
                format!("{surplus} a slash at the end"),
            ),
            ("https://u:p@shop.example", format!("{surplus} a user")),
            (
                "https://shop.example?a",
                format!("{surplus} a query or fragment"),
            ),
        ] {
            let error = check_base_url(text, Host::Trusted).unwrap_err();
            assert_eq!(error.to_string(), complaint, "{text}");
        }
    }

    #[test]
    fn an_outsider_names_public_addresses_only() {
        assert!(check_base_url("https://portal.example/api", Host::Untrusted).is_ok());
        assert!(check_base_url("https://1.1.1.1", Host::Untrusted).is_ok());
        for (text, named) in [
            ("http://127.0.0.1", "127.0.0.1"),
            ("https://10.1.2.3", "10.1.2.3"),
            ("https://2130706433", "127.0.0.1"),
            ("https://[fe80::1]", "[fe80::1]"),
            ("https://[::ffff:10.0.0.1]", "[::ffff:a00:1]"),
        ] {
            let error = check_base_url(text, Host::Untrusted).unwrap_err();
            assert_eq!(error, BadBaseUrl::NotPublic(named.to_owned()), "{text}");
        }
    }

    #[test]
    fn special_addresses_are_not_public() {
        for (text, public) in [
            ("1.1.1.1", true),
            ("100.63.255.255", true),
            ("100.64.0.1", false),
            ("100.127.255.255", false),
            ("10.0.0.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.15.0.1", true),
            ("172.31.0.1", false),
            ("192.168.1.1", false),
            ("192.0.2.1", false),
            ("198.19.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("0.0.0.0", false),
            ("2606:4700::1111", true),
            ("::1", false),
            ("::", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:1.1.1.1", true),
            ("64:ff9b::a00:1", false),
            ("64:ff9b::101:101", true),
            ("64:ff9b:1::1", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fd12:3456::1", false),
            ("ff02::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2001:4860::8888", true),
            ("2002:a00:1::", false),
            ("::10.0.0.1", false),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_of_this_machine_leads_nowhere() {
        let resolved = PublicOnly.resolve("localhost".parse().unwrap()).await;
        let error = resolved.map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "localhost has no public address");
    }
}
