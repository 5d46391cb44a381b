//! The table of list prices that comes with the program, with its date: for endpoints whose configuration names none.

use super::config::JudgeConfig;
use super::endpoint::Address;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For what is read.
    #[serde(rename = "in")]
    pub input: f64,
    /// For what is written, reasoning included.
    #[serde(rename = "out")]
    pub output: f64,
    /// For what is read from the endpoint's cache; as for what is read when absent.
    #[serde(default)]
    pub cached: Option<f64>,
    /// For what is read and written into the endpoint's cache; unknown when absent.
    #[serde(default)]
    pub write: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceTable {
    as_of: String,
    host: BTreeMap<String, BTreeMap<String, Price>>,
}

static TABLE: LazyLock<PriceTable> =
    // A test reads the file; were it unreadable all the same, every price would be unknown, which is safe.
    LazyLock::new(|| toml::from_str(include_str!("../../assets/prices.toml")).unwrap_or_default());

/// The day the table's prices held, `YYYY-MM-DD`.
pub fn as_of() -> &'static str {
    &TABLE.as_of
}

/// The list price of a model at an endpoint; `None` when the table has none. A dated snapshot has the price of its name.
pub fn list_price(base_url: &str, model: &str) -> Option<Price> {
    let host = Address::parse(base_url, true).ok()?.host();
    let models = TABLE.host.get(&host)?;
    models.get(model).or_else(|| models.get(without_date(model)?)).copied()
}

/// `gpt-4o` of `gpt-4o-2024-08-06`, `claude-x` of `claude-x-20260101`.
fn without_date(model: &str) -> Option<&str> {
    if let Some((name, date)) = model.rsplit_once('-')
        && date.len() == 8
        && date.starts_with("20")
        && date.bytes().all(|b| b.is_ascii_digit())
    {
        return Some(name);
    }
    let (rest, day) = model.rsplit_once('-')?;
    let (rest, month) = rest.rsplit_once('-')?;
    let (name, year) = rest.rsplit_once('-')?;
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    (digits(year, 4) && digits(month, 2) && digits(day, 2)).then_some(name)
}

/// The same endpoint with the list price where it names none, and where its prices come from.
pub fn priced(config: JudgeConfig) -> JudgeConfig {
    if config.price_in.is_some() || config.price_out.is_some() {
        return JudgeConfig { price_source: "config.toml".to_owned(), ..config };
    }
    match list_price(&config.base_url, &config.model) {
        Some(price) => JudgeConfig {
            price_in: Some(price.input),
            price_out: Some(price.output),
            price_cached: config.price_cached.or(price.cached),
            price_cache_write: config.price_cache_write.or(price.write),
            price_source: format!("list of {}", as_of()),
            ..config
        },
        None => config,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_and_its_prices_are_prices() {
        let table: PriceTable = toml::from_str(include_str!("../../assets/prices.toml")).unwrap();
        assert!(table.as_of.parse::<jiff::civil::Date>().is_ok());
        let prices: Vec<&Price> = table.host.values().flat_map(BTreeMap::values).collect();
        assert!(prices.len() > 1000, "{}", prices.len());
        assert!(prices.iter().all(|p| p.input > 0.0 && p.output >= p.input && p.output < 1000.0));
        assert!(prices.iter().all(|p| p.cached.is_none_or(|c| c > 0.0 && c < p.input)));
        assert!(prices.iter().filter(|p| p.write.is_some()).count() > 200);
        assert!(prices.iter().all(|p| p.write.is_none_or(|w| w > 0.0 && w < 2.5 * p.input)));
    }

    #[test]
    fn a_price_holds_for_its_host_and_for_snapshots() {
        let at = |url: &str, model: &str| list_price(url, model).map(|p| (p.input, p.output));
        let openai = "https://api.openai.com/v1";
        assert_eq!(at(openai, "gpt-4o-mini"), Some((0.15, 0.6)));
        assert_eq!(at(openai, "gpt-4o-mini-2024-07-18"), Some((0.15, 0.6)));
        let anthropic = "https://api.anthropic.com";
        assert_eq!(at(anthropic, "claude-opus-4-7"), Some((5.0, 25.0)));
        assert_eq!(at(anthropic, "claude-opus-4-7-20260301"), Some((5.0, 25.0)));
        for (url, model) in [
            (openai, "gpt-4o-mini-tuned"),
            (openai, "gpt-4o-mini-2024-7-18"),
            ("http://127.0.0.1:8080/v1", "gpt-4o-mini"),
            ("https://api.openai.com.example.net/v1", "gpt-4o-mini"),
        ] {
            assert_eq!(at(url, model), None, "{url} {model}");
        }
    }

    #[test]
    fn a_configured_price_wins_over_the_list() {
        let listed = JudgeConfig {
            base_url: "https://api.openai.com/v1".into(),
            model: "gpt-4o-mini".into(),
            ..JudgeConfig::default()
        };
        let own = JudgeConfig { price_in: Some(1.0), price_out: Some(2.0), ..listed.clone() };
        let found = priced(listed);
        assert_eq!((found.price_in, found.price_out), (Some(0.15), Some(0.6)));
        assert_eq!((found.price_cached, found.price_cache_write), (Some(0.075), None));
        assert_eq!(found.price_source, format!("list of {}", as_of()));
        let claude = JudgeConfig {
            base_url: "https://api.anthropic.com".into(),
            model: "claude-opus-4-7".into(),
            ..JudgeConfig::default()
        };
        assert_eq!(priced(claude.clone()).price_cache_write, Some(6.25));
        let set = priced(JudgeConfig { price_cache_write: Some(7.0), ..claude });
        assert_eq!((set.price_in, set.price_cache_write), (Some(5.0), Some(7.0)));
        let found = priced(own);
        assert_eq!((found.price_in, found.price_source.as_str()), (Some(1.0), "config.toml"));
        let unknown = priced(JudgeConfig { model: "x".into(), ..JudgeConfig::default() });
        assert_eq!((unknown.price_in, unknown.price_source.as_str()), (None, ""));
    }
}
