//! The acceptance set of the statistics: 85 cases computed with scipy, scikit-learn, statsmodels, krippendorff and
//! ppi-python, and two sets of real verdicts.
//!
//! Each case names a function, its input, and fields that must come out within its tolerance; `null` means that our
//! answer must be undefined too.
use assize::core::stats::agreement::{self, Weights};
use assize::core::stats::alpha::{Metric, krippendorff_alpha};
use assize::core::stats::logprob::{expectation, logprob_score};
use assize::core::stats::mean::{clustered_mean_ci, mean_ci, missing_bounds, wilson};
use assize::core::stats::multiple_testing::{benjamini_hochberg, holm};
use assize::core::stats::paired::{paired_diff, sign_flip, sign_flip_clustered, sign_test};
use assize::core::stats::power::{ErrorRates, RepeatVariance, sample_size, sample_size_repeats};
use assize::core::stats::ppi::{Lambda, misclassification, ppi_mean, rogan_gladen};
use assize::core::stats::rank::{kendall_tau_b, pearson, spearman};
use assize::core::stats::reliability::{Repeatability, repeatability};
use assize::core::stats::wilcoxon::{Method, Zeros, wilcoxon};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read as _;

const CASES: &str = include_str!("stats_golden.json");

/// Fields of an expected answer that come from another library's run, not from a definition we implement.
const NOT_OURS: [&str; 1] = ["scipy_p"];

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    lz4_flex::frame::FrameDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

/// 2,415 stored preferences, 803 of them beside the log probabilities they were computed from (fixtures/NOTICE.md).
fn preferences() -> String {
    unpacked(include_bytes!("../fixtures/preferences.jsonl.lz4"))
}

/// What was published of each system: preferences, win rate and its standard error in percent, wins.
const PUBLISHED: [(&str, usize, f64, f64, usize); 3] = [
    ("FuseChat-Llama-3.1-8B-Instruct", 805, 63.33158292362733, 1.4225069834256892, 518),
    ("FuseChat-Qwen-2.5-7B-Instruct", 805, 64.64069997299377, 1.430136953329826, 531),
    ("gpt4_gamed", 805, 3.7383373713788823, 0.6278799633668313, 32),
];

fn holes(v: &Value) -> Vec<Option<f64>> {
    v.as_array().unwrap().iter().map(Value::as_f64).collect()
}

fn numbers(v: &Value) -> Vec<f64> {
    holes(v).into_iter().flatten().collect()
}

fn rows(v: &Value) -> Vec<Vec<Option<f64>>> {
    v.as_array().unwrap().iter().map(holes).collect()
}

fn scores(v: &Value) -> Vec<u8> {
    v.as_array().unwrap().iter().map(|s| s.as_u64().unwrap() as u8).collect()
}

/// Cluster names to numbers.
fn clusters(v: &Value) -> Vec<u32> {
    let mut known = BTreeMap::new();
    let mut number = |name: &str| {
        let next = known.len() as u32;
        *known.entry(name.to_owned()).or_insert(next)
    };
    v.as_array().unwrap().iter().map(|c| number(c.as_str().unwrap())).collect()
}

fn mean_fns(function: &str, i: &Value) -> Option<Value> {
    let level = i["level"].as_f64().unwrap_or(0.95);
    Some(match function {
        "mean_ci_t" => {
            let m = mean_ci(&numbers(&i["x"]), level);
            json!({"n": m.n, "mean": m.mean, "sd": m.sd, "se": m.se, "lo": m.lo, "hi": m.hi})
        }
        "mean_ci_cluster" => {
            let m = clustered_mean_ci(&numbers(&i["x"]), &clusters(&i["cluster"]), level);
            json!({"n": m.n, "clusters": m.clusters, "mean": m.mean, "se_cr0": m.se_cr0, "se_cr1": m.se_cr1,
                   "lo": m.lo, "hi": m.hi, "se_miller": m.se_miller})
        }
        "missing_bounds" => {
            let b = missing_bounds(&holes(&i["x"]), i["min"].as_f64()?, i["max"].as_f64()?);
            json!({"n": b.n, "missing": b.missing, "mean_scored": b.mean_scored, "lower": b.lower, "upper": b.upper})
        }
        "wilson" => {
            let r = wilson(i["k"].as_u64()?, i["n"].as_u64()?, level);
            json!({"p": r.map(|r| r.p), "lo": r.map(|r| r.lo), "hi": r.map(|r| r.hi)})
        }
        "holm" => {
            let p = numbers(&i["p"]);
            json!({"adjusted": holm(&p), "bh": benjamini_hochberg(&p)})
        }
        _ => return None,
    })
}

fn paired_fns(function: &str, i: &Value) -> Option<Value> {
    Some(match function {
        "paired_diff" => {
            let d = paired_diff(&numbers(&i["a"]), &numbers(&i["b"]), i["level"].as_f64()?);
            json!({"n": d.diff.n, "mean_diff": d.diff.mean, "se": d.diff.se, "lo": d.diff.lo, "hi": d.diff.hi, "t": d.t,
                   "df": d.df, "p": d.p, "corr": d.corr, "wins": d.wins, "losses": d.losses, "ties": d.ties})
        }
        "sign_flip_exact" => {
            let f = sign_flip(&numbers(&i["d"]), 0)?;
            json!({"p": f.p, "count": f.count, "total": f.total})
        }
        "sign_flip_cluster_exact" => {
            let f = sign_flip_clustered(&numbers(&i["d"]), &clusters(&i["cluster"]), 0)?;
            json!({"p": f.p, "count": f.count, "total": f.total})
        }
        "sign_test" => json!({"p": sign_test(i["wins"].as_u64()?, i["losses"].as_u64()?)}),
        "wilcoxon" => {
            let zeros = if i["zero_method"] == "pratt" { Zeros::Pratt } else { Zeros::Drop };
            let method = match i["method"].as_str() {
                Some("exact") => Method::Exact,
                _ => Method::Asymptotic { correction: i["correction"].as_bool().unwrap_or(false) },
            };
            let w = wilcoxon(&numbers(&i["d"]), zeros, method)?;
            json!({"statistic": w.statistic, "p": w.p})
        }
        _ => return None,
    })
}

fn agreement_fns(function: &str, i: &Value) -> Option<Value> {
    Some(match function {
        "agreement" => {
            let pairs: Vec<(u8, u8)> = scores(&i["human"]).into_iter().zip(scores(&i["judge"])).collect();
            let a = agreement::agreement(&pairs, None);
            assert_eq!(a.kappa_quadratic.value, a.grid.kappa(Weights::Quadratic));
            json!({"quadratic": a.kappa_quadratic.value, "linear": a.kappa_linear,
                   "unweighted": a.kappa_unweighted, "exact": a.exact.value, "adjacent": a.within_one.value,
                   "mae": a.mae, "bias": a.bias.value})
        }
        "krippendorff_alpha" => {
            let r = rows(&i["ratings"]);
            json!({"nominal": krippendorff_alpha(&r, Metric::Nominal), "ordinal": krippendorff_alpha(&r, Metric::Ordinal),
                   "interval": krippendorff_alpha(&r, Metric::Interval)})
        }
        "correlation" => {
            let (x, y) = (numbers(&i["x"]), numbers(&i["y"]));
            json!({"spearman": spearman(&x, &y), "kendall_b": kendall_tau_b(&x, &y), "pearson": pearson(&x, &y)})
        }
        "repeatability" => repeats(&repeatability(&rows(&i["scores"]))),
        "repeatability_file" => {
            // The same 640 items are in the demo, each with its three verdicts.
            let text = unpacked(include_bytes!("../../assets/demo/prometheus.jsonl.lz4"));
            let scores = |line: &str| -> Vec<Option<f64>> {
                let item: Value = serde_json::from_str(line).unwrap();
                item["verdicts"].as_array().unwrap().iter().map(|v| v["score"].as_f64()).collect()
            };
            repeats(&repeatability(&text.lines().map(scores).collect::<Vec<_>>()))
        }
        _ => return None,
    })
}

fn repeats(r: &Repeatability) -> Value {
    assert_eq!(r.dropped, 0);
    json!({"n": r.n, "repeats": r.repeats, "all_equal": r.all_equal, "range_ge2": r.range_ge2,
           "within_sd": r.within_sd, "icc1": r.icc1, "icck": r.icck, "alpha_ordinal": r.alpha_ordinal})
}

fn other_fns(function: &str, i: &Value) -> Option<Value> {
    let number = |key: &str| i[key].as_f64().unwrap();
    let rates = || ErrorRates { alpha: number("alpha"), power: number("power") };
    Some(match function {
        "logprob_score" => {
            assert_eq!(i["labels"], json!([1, 2, 3, 4, 5]));
            let s = logprob_score(&tokens(&i["top_logprobs"]));
            json!({"score": s.score, "mass": s.mass, "dist": s.dist})
        }
        "ppi_mean" => {
            let lambda = i["lam"].as_f64().map_or(Lambda::Tuned, Lambda::Fixed);
            let of = |key: &str| numbers(&i[key]);
            let p =
                ppi_mean(&of("y_labeled"), &of("f_labeled"), &of("f_unlabeled"), lambda, number("level"))?;
            json!({"estimate": p.estimate, "se": p.se, "lo": p.lo, "hi": p.hi, "lam": p.lam})
        }
        "rogan_gladen" => {
            json!({"p": rogan_gladen(number("observed"), number("sensitivity"), number("specificity"))})
        }
        "misclass_correct" => {
            let confusion: Vec<Vec<f64>> = i["confusion_rows_true"].as_array()?.iter().map(numbers).collect();
            let c = misclassification(&confusion, &numbers(&i["observed"]))?;
            json!({"true": c.shares, "true_mean": c.mean, "observed_mean": c.observed_mean})
        }
        "sample_size_paired" => {
            let s = sample_size(number("sd_diff"), number("delta"), rates())?;
            json!({"n_normal": s.n_normal, "n_normal_ceil": s.n_normal_ceil, "n_t": s.n_t})
        }
        "sample_size_miller" => {
            let variance = RepeatVariance {
                between: number("omega2"),
                within_a: number("sigma2_a"),
                within_b: number("sigma2_b"),
                repeats_a: i["k_a"].as_u64()? as u32,
                repeats_b: i["k_b"].as_u64()? as u32,
            };
            json!({"n": sample_size_repeats(variance, number("delta"), rates())})
        }
        _ => return None,
    })
}

fn tokens(v: &Value) -> Vec<(String, f64)> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|t| (t[0].as_str().unwrap().to_owned(), t[1].as_f64().unwrap()))
        .collect()
}

/// Whether `got` is what is expected: numbers within `tol`, null only for null, lists place by place.
fn same(got: &Value, want: &Value, tol: f64) -> bool {
    match (got, want) {
        (Value::Array(g), Value::Array(w)) => {
            g.len() == w.len() && g.iter().zip(w).all(|(g, w)| same(g, w, tol))
        }
        _ => match (got.as_f64(), want.as_f64()) {
            (Some(g), Some(w)) => (g - w).abs() <= tol * w.abs().max(1.0),
            _ => got.is_null() && want.is_null(),
        },
    }
}

#[test]
fn every_golden_case_comes_out_as_expected() {
    let all: Value = serde_json::from_str(CASES).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 85);
    let (mut wrong, mut fields) = (vec![], 0);
    for case in cases {
        let (id, function) = (case["id"].as_str().unwrap(), case["fn"].as_str().unwrap());
        let input = &case["input"];
        let answer = mean_fns(function, input)
            .or_else(|| paired_fns(function, input))
            .or_else(|| agreement_fns(function, input))
            .or_else(|| other_fns(function, input));
        let answer = answer.unwrap_or_else(|| panic!("{id} has no answer"));
        for (field, want) in case["expected"].as_object().unwrap() {
            let got = answer.get(field);
            if got.is_none() && NOT_OURS.contains(&field.as_str()) {
                continue;
            }
            fields += 1;
            if !got.is_some_and(|got| same(got, want, case["tol"].as_f64().unwrap())) {
                wrong.push(format!("{id}: {field} should be {want}, is {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} fields wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(fields > 300, "{fields} fields compared");
}

/// 803 real preferences were stored beside the logprobs they were computed from: 1 + p(M) / (p(m) + p(M)), turned
/// round where the two answers had been swapped.
#[test]
fn stored_preferences_follow_from_their_logprobs() {
    let text = preferences();
    let (mut seen, mut swapped) = (0, 0);
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let (Some(stored), false) = (row["preference"].as_f64(), row["top_logprobs"].is_null()) else {
            continue;
        };
        let turned = row["swapped"].as_bool().unwrap();
        let labels = if turned { [("m", 2.0), ("M", 1.0)] } else { [("m", 1.0), ("M", 2.0)] };
        let score = expectation(&tokens(&row["top_logprobs"]), &labels).score.unwrap();
        assert!((score - stored).abs() < 1e-10, "{}: {score} is not {stored}", row["idx"]);
        seen += 1;
        swapped += usize::from(turned);
    }
    assert_eq!((seen, swapped), (803, 404));
}

/// The published win rates and standard errors of three systems follow from their preferences.
#[test]
fn published_win_rates_follow_from_the_preferences() {
    let text = preferences();
    let mut by_system: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let preferences = by_system.entry(row["system"].as_str().unwrap().to_owned()).or_default();
        preferences.extend(row["preference"].as_f64());
    }
    assert_eq!(by_system.len(), PUBLISHED.len());
    for (system, n, win_rate, standard_error, n_wins) in PUBLISHED {
        let preferences = &by_system[system];
        let percent: Vec<f64> = preferences.iter().map(|p| 100.0 * (p - 1.0)).collect();
        let m = mean_ci(&percent, 0.95);
        assert_eq!(m.n, n, "{system}");
        assert!((m.mean.unwrap() - win_rate).abs() < 1e-9, "{system}: {m:?}");
        assert!((m.se.unwrap() - standard_error).abs() < 1e-9, "{system}: {m:?}");
        assert_eq!(preferences.iter().filter(|p| **p > 1.5).count(), n_wins, "{system}");
    }
}
