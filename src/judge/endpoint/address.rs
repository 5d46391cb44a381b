//! Which addresses may be called at all, by what a base URL says and by what its name leads to.

use super::super::{Stop, StopKind};
use crate::core::secrets::holds_key;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// A base URL that passed the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) base: Url,
    pub(super) loopback: bool,
}

pub(super) fn refuse(message: impl Into<String>) -> Stop {
    Stop::new(StopKind::Address, message)
}

/// Ends of paths that people paste with the address: the path of a call is added again.
const PASTED: [&str; 4] = ["/chat/completions", "/responses", "/messages", "/api/chat"];

impl Address {
    /// Checks a base URL. `allow_http` permits plain http to other machines.
    ///
    /// # Errors
    /// [`StopKind::Address`] when it is no http(s) URL, holds a password, a query or a fragment, is plain http to another
    /// machine, or is an address where a cloud hands out credentials.
    pub fn parse(base_url: &str, allow_http: bool) -> Result<Self, Stop> {
        let mut base = Url::parse(base_url.trim()).map_err(|error| {
            refuse(format!("base_url is no URL ({error}); it looks like http://127.0.0.1:8080/v1"))
        })?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(refuse("base_url must begin with http:// or https://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refuse("base_url must not hold a user name or password; set api_key_env"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(refuse(
                "base_url must not hold ? or #; parameters go into query = { name = \"value\" }",
            ));
        }
        if holds_key(&decoded(base.path())) {
            return Err(refuse("base_url must not hold a key in its path; set api_key_env"));
        }
        let host = base.host_str().unwrap_or_default().to_owned();
        if is_metadata(&host) {
            return Err(refuse(
                "base_url is an address where a cloud hands out credentials; it is never called",
            ));
        }
        let loopback = is_loopback(&host);
        if base.scheme() == "http" && !loopback && !allow_http {
            return Err(refuse(format!(
                "plain http to {host} would show the key and all texts on the way; use https, or set allow_http = true"
            )));
        }
        let path = base.path().trim_end_matches('/');
        let path = PASTED.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path).to_owned();
        base.set_path(&path);
        Ok(Self { base, loopback })
    }

    /// Whether it stays on this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// The host, without a port.
    pub fn host(&self) -> String {
        self.base.host_str().unwrap_or_default().to_owned()
    }

    /// Origin and path: what a fingerprint names.
    pub fn base(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    /// The path of the base, without a slash at its end.
    pub fn path(&self) -> &str {
        self.base.path().trim_end_matches('/')
    }

    /// The URL of a whole path at this origin.
    pub fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// The URL of `path` below the base.
    pub fn join(&self, path: &str) -> Url {
        self.at(&format!("{}/{path}", self.path()))
    }
}

/// Whether a text is meant as an address, and not as a name: whatever follows, it is read by [`Address::parse`] alone.
pub fn is_url(text: &str) -> bool {
    let scheme = text.trim_start().split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    text.contains("://") || matches!(scheme.as_deref(), Some("http" | "https"))
}

/// A path without its percent signs, as far as it is text then.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        match hex.filter(|_| *first == b'%').and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn host_ip(host: &str) -> Option<IpAddr> {
    let ip: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(match ip {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        four => four,
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host_ip(host).is_some_and(|ip| ip.is_loopback())
}

/// The names clouds give to the place, beside names that spell its address.
const METADATA: &[&str] = &[
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.tencentyun.com",
    "rancher-metadata",
    "rancher-metadata.rancher.internal",
];

/// Link-local addresses (169.254.169.254 and its kin), the names clouds give theirs, and names that spell such an address.
fn is_metadata(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    match host_ip(&name) {
        Some(ip) => is_metadata_ip(ip),
        None => METADATA.contains(&name.as_str()) || spells_metadata(&name),
    }
}

/// Whether a name holds such an address, as services such as nip.io answer with the address in the name.
fn spells_metadata(name: &str) -> bool {
    let labels: Vec<&str> = name.split(['.', '-']).collect();
    let quad = |four: &[&str]| {
        let numbers: Vec<u8> = four.iter().filter_map(|label| label.parse().ok()).collect();
        <[u8; 4]>::try_from(numbers).is_ok_and(|four| is_metadata_ip(Ipv4Addr::from(four).into()))
    };
    let hex = |label: &&str| {
        let number = u32::from_str_radix(label, 16).ok().filter(|_| label.len() == 8);
        number.is_some_and(|n| is_metadata_ip(Ipv4Addr::from(n).into()))
    };
    labels.windows(4).any(quad) || labels.iter().any(hex)
}

/// Where clouds answer besides link-local addresses: Alibaba, Oracle, Azure.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// The same of AWS, Google, Oracle, Scaleway.
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

fn is_metadata_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(four) => four.is_link_local() || METADATA_V4.contains(&four),
        IpAddr::V6(six) => {
            six.is_unicast_link_local()
                || METADATA_V6.contains(&six)
                || inner(six).is_some_and(|four| is_metadata_ip(IpAddr::V4(four)))
        }
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, translated (64:ff9b::/96, 64:ff9b:1::/48), 6to4.
fn inner(six: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, .., g, h] = six.segments();
    let four = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match (a, b) {
        (0x64, 0xff9b) => four(g, h),
        (0x2002, _) => four(b, c),
        _ => six.to_ipv4(),
    }
}

/// The system's resolver without the addresses that are never called: a name can lead anywhere, and tomorrow elsewhere.
#[derive(Debug)]
pub(super) struct Guarded;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let all = tokio::task::spawn_blocking(move || look_up(&host)).await??;
            let found = all.len();
            let kept: Vec<SocketAddr> = all.into_iter().filter(|a| !is_metadata_ip(a.ip())).collect();
            if kept.is_empty() && found > 0 {
                return Err(LEADS_TO.into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

const LEADS_TO: &str = "the name leads to an address where a cloud hands out credentials; it is never called";

/// Whether requests that do not stay on this machine go by way of a proxy, which finds the name's address itself.
pub(super) fn is_proxied() -> bool {
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()))
}

/// The same look before a proxy is given the name. A name that is known to the proxy alone cannot be checked here.
///
/// # Errors
/// In words, when any of the name's addresses is one that is never called: which of them a proxy takes is not known.
pub(super) async fn check_name(host: String) -> Result<(), &'static str> {
    let found = tokio::task::spawn_blocking(move || look_up(&host)).await;
    match found {
        Ok(Ok(all)) if all.iter().any(|a| is_metadata_ip(a.ip())) => Err(LEADS_TO),
        _ => Ok(()),
    }
}

fn look_up(host: &str) -> std::io::Result<Vec<SocketAddr>> {
    #[cfg(test)]
    if [LEADS_AWAY, LEADS_AWAY_FAR].contains(&host) {
        return Ok(vec![SocketAddr::from(([169, 254, 169, 254], 0))]);
    }
    Ok((host, 0).to_socket_addrs()?.collect())
}

/// A name that tests can call without a name server; it leads where clouds hand out credentials.
#[cfg(test)]
const LEADS_AWAY: &str = "leads-away.localhost";

/// The same, of another machine.
#[cfg(test)]
pub(super) const LEADS_AWAY_FAR: &str = "leads-away.invalid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_would_leak_are_refused() {
        for (url, allow_http, why) in [
            ("http://169.254.169.254/v1", true, "credentials"),
            ("http://2852039166/v1", true, "credentials"),
            ("http://[::ffff:169.254.169.254]/", true, "credentials"),
            ("https://[fd00:ec2::254]/", false, "credentials"),
            ("http://metadata.google.internal./v1", true, "credentials"),
            ("https://100.100.100.200/", false, "credentials"),
            ("http://[::a9fe:a9fe]/v1", true, "credentials"),
            ("http://[64:ff9b::a9fe:a9fe]/v1", true, "credentials"),
            ("http://[64:ff9b:1::a9fe:a9fe]/v1", true, "credentials"),
            ("http://[2002:a9fe:a9fe::1]/v1", true, "credentials"),
            ("http://169.254.169.254.nip.io/v1", true, "credentials"),
            ("https://x.169-254-169-254.sslip.io/v1", false, "credentials"),
            ("https://A9FEA9FE.nip.io/v1", false, "credentials"),
            ("http://instance-data.ec2.internal/latest", true, "credentials"),
            ("http://168.63.129.16/v1", true, "credentials"),
            ("https://168-63-129-16.sslip.io/v1", false, "credentials"),
            ("https://[fd20:ce::254]/v1", false, "credentials"),
            ("https://[fd00:c1::a9fe:a9fe]/v1", false, "credentials"),
            ("https://[fd00:42::42]/v1", false, "credentials"),
            ("http://rancher-metadata/latest", true, "credentials"),
            ("https://example.com/sk-0123456789/v1", false, "key in its path"),
            ("http://example.com/v1", false, "plain http"),
            ("http://localhost.example.com/v1", false, "plain http"),
            ("http://127.0.0.1@example.com/v1", true, "user name"),
            ("https://user:pass@example.com/v1", false, "user name"),
            ("https://example.com/v1?key=1", false, "must not hold"),
            ("ftp://example.com", false, "http://"),
            ("example.com/v1", false, "no URL"),
            ("", false, "no URL"),
        ] {
            let stop = Address::parse(url, allow_http).unwrap_err();
            assert!(stop.kind == StopKind::Address && stop.message.contains(why), "{url}: {stop}");
        }
    }

    #[test]
    fn addresses_are_joined_whatever_their_ending() {
        for url in [
            "http://127.0.0.1:8080/v1",
            "http://127.0.0.1:8080/v1/",
            "http://127.0.0.1:8080/v1/chat/completions",
        ] {
            let address = Address::parse(url, false).unwrap();
            assert_eq!(
                address.join("chat/completions").as_str(),
                "http://127.0.0.1:8080/v1/chat/completions"
            );
            assert_eq!(
                (address.base().as_str(), address.origin().as_str()),
                ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080")
            );
        }
        assert_eq!(
            Address::parse("http://[::1]:1", false).unwrap().join("models").as_str(),
            "http://[::1]:1/models"
        );
        assert!(Address::parse("http://box.lan:8080/v1", true).is_ok());
        for good in
            ["https://api.openai.com/v1", "https://10.0.0.1.nip.io/v1", "https://v1.69.254.example.com"]
        {
            assert!(Address::parse(good, false).is_ok(), "{good}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_link_local_address_is_not_called() {
        // The system's resolver reads this as a number; no name server is asked.
        for name in ["0xA9FEA9FE", "2852039166", "169.254.1.1"] {
            let error = Guarded.resolve(name.parse().unwrap()).await.err().unwrap().to_string();
            assert!(error.contains("credentials"), "{name}: {error}");
        }
        let near: Vec<SocketAddr> = Guarded.resolve("localhost".parse().unwrap()).await.unwrap().collect();
        assert!(!near.is_empty() && near.iter().all(|a| a.ip().is_loopback()), "{near:?}");
    }

    #[tokio::test]
    async fn the_client_asks_this_resolver() {
        let config = crate::judge::JudgeConfig {
            base_url: format!("http://{LEADS_AWAY}/v1"),
            timeout_s: 5,
            ..Default::default()
        };
        let endpoint = super::super::Endpoint::open(&config, &crate::judge::dialect::OpenAiChat).unwrap();
        let broken = endpoint.models(std::time::Duration::from_secs(5)).await.unwrap_err();
        assert!(broken.why.contains("credentials"), "{broken:?}");
    }
}
