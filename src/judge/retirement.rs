//! When models are retired, as their makers have published it: a dated list that comes with the program, and what is said of it.

use super::config::JudgeConfig;
use super::endpoint::Address;
use jiff::civil::Date;
use jiff::{Span, tz::Offset};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// How far ahead a retirement is warned of, in months.
const AHEAD_MONTHS: i32 = 6;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    as_of: String,
    list: Vec<List>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    host: String,
    source: String,
    #[serde(default = "yes")]
    firm: bool,
    /// Models by day.
    on: BTreeMap<String, Vec<String>>,
}

fn yes() -> bool {
    true
}

static LISTS: LazyLock<Lists> =
    // A test reads the file; were it unreadable all the same, every date would be unknown, which is said nowhere wrongly.
    LazyLock::new(|| toml::from_str(include_str!("../../assets/retirements.toml")).unwrap_or_default());

/// When a model is retired, as a list has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retirement {
    /// The model's name.
    pub model: String,
    /// The first day without it, `YYYY-MM-DD`.
    #[serde(serialize_with = "as_text")]
    pub date: Date,
    /// Whether the date holds; otherwise its maker calls it tentative, or the earliest.
    pub firm: bool,
    /// Who published the date, and where it was read.
    pub source: &'static str,
    /// The day the list was made, `YYYY-MM-DD`.
    pub as_of: &'static str,
}

fn as_text<S: Serializer>(date: &Date, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(date)
}

/// What the lists say of the model that `config` asks for; `None` where they say nothing, which says nothing of the model.
pub fn listed_retirement(config: &JudgeConfig) -> Option<Retirement> {
    let host = Address::parse(&config.base_url, true).ok()?.host();
    let names = |name: &str| {
        LISTS.list.iter().filter(|list| list.host == host).find_map(|list| {
            let (date, _) = list.on.iter().find(|(_, models)| models.iter().any(|m| m == name))?;
            Some((date.parse::<Date>().ok()?, list))
        })
    };
    // A tuned model, such as `ft:gpt-4o-2024-08-06:house::id`, is listed by what it was tuned from.
    let tuned_from = || {
        let (of, _) = config.model.strip_prefix("ft:")?.split_once(':')?;
        names(&format!("ft:{of}"))
    };
    let (date, list) = names(&config.model).or_else(tuned_from)?;
    let (model, source, as_of) = (config.model.clone(), list.source.as_str(), LISTS.as_of.as_str());
    Some(Retirement { model, date, firm: list.firm, source, as_of })
}

impl Retirement {
    /// What people are told on `today`; `None` while it is more than six months away.
    pub fn warning(&self, today: Date) -> Option<String> {
        let last = today.saturating_add(Span::new().months(AHEAD_MONTHS));
        if self.date > last {
            return None;
        }
        let what = match (self.date <= today, self.firm) {
            (true, true) => "is retired since",
            (true, false) => "was to be retired, at the earliest, on",
            (false, true) => "will be retired on",
            (false, false) => "will be retired, at the earliest, on",
        };
        let (model, date, as_of) = (&self.model, self.date, self.as_of);
        Some(format!("{model} {what} {date}, as its maker announced (list of {as_of})"))
    }
}

/// What is to be said today, in UTC, of the model that `config` asks for.
pub fn retirement_warning(config: &JudgeConfig) -> Option<String> {
    listed_retirement(config)?.warning(Offset::UTC.to_datetime(crate::clock::now()).date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(base_url: &str, model: &str) -> Option<Retirement> {
        let config = JudgeConfig { base_url: base_url.into(), model: model.into(), ..JudgeConfig::default() };
        listed_retirement(&config)
    }

    const OPENAI: &str = "https://api.openai.com/v1";

    #[test]
    fn the_lists_read_and_name_each_model_of_a_host_once_with_a_source() {
        let lists: Lists = toml::from_str(include_str!("../../assets/retirements.toml")).unwrap();
        assert!(lists.as_of.parse::<Date>().is_ok());
        let mut names: Vec<(&str, &String)> = Vec::new();
        for list in &lists.list {
            assert!(list.source.len() > 20, "{}", list.host);
            assert!(list.on.keys().all(|day| day.parse::<Date>().is_ok()), "{}", list.host);
            names.extend(list.on.values().flatten().map(|name| (list.host.as_str(), name)));
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(all > 50 && names.len() == all, "{all} names, {} of them once", names.len());
    }

    #[test]
    fn a_model_is_told_as_retired_on_its_day_and_as_retiring_in_the_six_months_before() {
        let told = |model: &str, today| at(OPENAI, model).unwrap().warning(today);
        let of = "as its maker announced (list of 2026-11-30)";
        for (today, words) in [
            (date(2026, 6, 10), None),
            (date(2026, 6, 11), Some("gpt-5 will be retired on 2026-12-11")),
            (date(2026, 12, 10), Some("gpt-5 will be retired on 2026-12-11")),
            (date(2026, 12, 11), Some("gpt-5 is retired since 2026-12-11")),
            (date(2029, 1, 1), Some("gpt-5 is retired since 2026-12-11")),
        ] {
            assert_eq!(told("gpt-5", today), words.map(|words| format!("{words}, {of}")), "{today}");
        }
        let opus = at("https://api.anthropic.com", "claude-opus-4-5").unwrap();
        let words = |today| opus.warning(today).unwrap();
        assert!(words(date(2026, 12, 1)).contains("will be retired, at the earliest, on 2027-01-22"));
        assert!(words(date(2027, 2, 1)).contains("was to be retired, at the earliest, on"));
        assert!(told("gpt-5", date(9999, 12, 31)).is_some());
    }

    #[test]
    fn a_date_holds_for_its_host_and_name_only_and_for_what_was_tuned_from_it() {
        let day = |url: &str, model: &str| at(url, model).map(|found| found.date);
        assert_eq!(day(OPENAI, "gpt-4o-2024-05-13"), Some(date(2026, 10, 23)));
        assert_eq!(day(OPENAI, "gpt-4o-2024-08-06"), Some(date(2027, 1, 14)));
        assert_eq!(day(OPENAI, "ft:gpt-4o-2024-08-06:house::Abc1"), Some(date(2027, 1, 14)));
        for (url, model) in [
            (OPENAI, "gpt-4o-2025-01-01"),
            (OPENAI, "gpt-4o-mine"),
            (OPENAI, "ft:gpt-9:house::Abc1"),
            ("http://127.0.0.1:8080/v1", "gpt-4"),
            ("https://house.openai.azure.com/openai/v1", "gpt-4"),
            ("https://api.openai.com.example.net/v1", "gpt-4"),
        ] {
            assert_eq!(day(url, model), None, "{url} {model}");
        }
    }
}
