//! The second acceptance set of the statistics: 140 cases of intervals that hold, labels, agreement and looks, computed
//! with scipy, scikit-learn, statsmodels, krippendorff and ppi-python or written from the papers a second time.
//!
//! Each case names a function, its input, and fields that must come out within its tolerance. A function that is not
//! here yet is named in `NOT_HERE`, with the number of its cases: nothing is passed over in silence.
use assize::core::stats::bounded::{self, Ends, bounded_ci, mean_cr2};
use assize::core::stats::compare::{Pair, PairedInput, paired_compare};
use assize::core::stats::correct::Lambda;
use assize::core::stats::corrected::{self, Labelled, Unlabelled};
use assize::core::stats::gate::cases_needed;
use assize::core::stats::mean::wilson;
use assize::core::stats::{decision, share};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CASES: &str = include_str!("stats2_golden.json");

/// Functions without an implementation here, and how many cases each has.
const NOT_HERE: [(&str, usize); 16] = [
    ("jeffreys", 6),
    ("paired_share_newcombe", 7),
    ("paired_share_tango", 7),
    ("marginal_homogeneity", 5),
    ("kappa_nominal", 3),
    ("krippendorff_alpha_labels", 3),
    ("binary_confusion", 4),
    ("rogan_gladen_ci", 6),
    ("betting_mean_ci", 4),
    ("agreement_difference", 4),
    ("kappa_jackknife", 1),
    ("correlation_levels", 2),
    ("calibration_table", 2),
    ("case_set_wear", 3),
    ("anchor_drift", 3),
    ("betting_eprocess", 2),
];

/// Functions that are here.
const KNOWN: [&str; 13] = [
    "bounded_mean_ci",
    "dirichlet_mean_ci",
    "extreme_mean_ci",
    "mean_ci_cr2",
    "ppi_paired_diff",
    "corrected_paired_diff",
    "share_ci_cluster",
    "wilson",
    "gate_min_cases",
    "no_break_upper",
    "clopper_pearson",
    "mcnemar_exact",
    "simultaneous_decisions",
];

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().filter_map(Value::as_f64).collect()
}

/// Numbers for the cluster names of one case, the same for both of its lists.
fn clusters<'a>(input: &'a Value, keys: &[&str]) -> Vec<Option<Vec<u32>>> {
    let mut known: BTreeMap<&'a str, u32> = BTreeMap::new();
    let mut all = vec![];
    for key in keys {
        let list = input[key].as_array().map(|names| {
            names
                .iter()
                .map(|name| {
                    let next = known.len() as u32;
                    *known.entry(name.as_str().unwrap()).or_insert(next)
                })
                .collect()
        });
        all.push(list);
    }
    all
}

fn bounds(input: &Value) -> Ends {
    let support = numbers(&input["support"]);
    (*support.first().unwrap(), *support.last().unwrap())
}

fn ends(e: Option<Ends>) -> Value {
    e.map_or(Value::Null, |(lo, hi)| json!([lo, hi]))
}

fn interval_fns(function: &str, i: &Value) -> Option<Value> {
    let level = i["level"].as_f64().unwrap_or(0.95);
    let groups = clusters(i, &["cluster"]).remove(0);
    let groups = groups.as_deref();
    let x = || numbers(&i["x"]);
    Some(match function {
        "bounded_mean_ci" => {
            let b = bounded_ci(&x(), groups, bounds(i), level);
            let method = match (b.ci, b.clustered, b.units < 10) {
                (None, ..) => "none",
                (_, false, _) => "t+dirichlet1+extreme0.5",
                (_, true, true) => "cr2+dirichlet4+extreme0.5",
                (_, true, false) => "cr2+dirichlet2+extreme1",
            };
            json!({"n": b.n, "clusters": b.units, "mean": b.mean, "method": method, "t": ends(b.t),
                   "dirichlet": ends(b.dirichlet), "extreme": ends(b.extreme), "rule3": ends(b.rule3), "df": b.df,
                   "q": b.q, "lo": b.ci.map(|c| c.0), "hi": b.ci.map(|c| c.1)})
        }
        "dirichlet_mean_ci" => {
            let (part, all) =
                bounded::dirichlet_ci(&x(), groups, bounds(i), i["prior_weight"].as_f64()?, level)?;
            let b = bounded_ci(&x(), groups, bounds(i), level);
            json!({"n": b.n, "clusters": b.units, "mean": b.mean, "lo_dirichlet": part.0, "hi_dirichlet": part.1,
                   "lo_rule3": b.rule3.map(|r| r.0), "hi_rule3": b.rule3.map(|r| r.1), "lo": all.0, "hi": all.1})
        }
        "extreme_mean_ci" => {
            let (lo, hi) = bounded::extreme_ci(&x(), groups, i["weight"].as_f64()?, level)?;
            json!({"lo": lo, "hi": hi})
        }
        "mean_ci_cr2" => {
            let fit = mean_cr2(&x(), groups?)?;
            let b = bounded_ci(&x(), groups, bounded::DIFFERENCES, level);
            let (lo, hi) = b.t?;
            json!({"n": b.n, "clusters": b.units, "mean": fit.mean, "se_cr2": fit.se, "df": fit.df, "lo": lo, "hi": hi})
        }
        "share_ci_cluster" => {
            let hits: Vec<bool> = x().iter().map(|v| *v > 0.5).collect();
            let s = share::share_by_clusters(&hits, groups?, level)?;
            json!({"n": s.n, "clusters": s.units, "p": s.p, "var_cr1": s.var_cr1, "n_eff": s.n_eff, "n_df": s.n_df,
                   "wilson": ends(s.wilson)})
        }
        "wilson" => {
            let rate = wilson(i["k"].as_u64()?, i["n"].as_u64()?, level);
            json!({"p": rate.map(|r| r.p), "lo": rate.map(|r| r.lo), "hi": rate.map(|r| r.hi)})
        }
        "gate_min_cases" => {
            let of = i["margin"].as_f64()? / i["width"].as_f64()?;
            // On the scale 1..5 the same share of the width is four times the margin.
            json!({"n": cases_needed(4.0 * of)})
        }
        "no_break_upper" => {
            let n = i["n"].as_u64()? as usize;
            json!({"upper_one_sided": bounded::unseen_share(n, 1.0 - level),
                   "upper_two_sided": bounded::unseen_share(n, 0.5 * (1.0 - level)), "rule_of_three": 3.0 / n as f64})
        }
        "clopper_pearson" => {
            // On two values the pseudo-observation of weight 1 is Clopper and Pearson's interval.
            let (k, n) = (i["k"].as_u64()?, i["n"].as_u64()?);
            let x: Vec<f64> = (0..n).map(|c| f64::from(u8::from(c < k))).collect();
            let (lo, hi) = bounded::gaffke_ci(&x, None, (0.0, 1.0), level)?;
            json!({"lo": lo, "hi": hi})
        }
        "mcnemar_exact" => {
            let (old, new) = (i["old_only"].as_u64()?, i["new_only"].as_u64()?);
            // The sign test; its mid-p takes half the chance of the table itself.
            let p = assize::core::stats::paired::sign_test(new, old);
            json!({"p": p})
        }
        "simultaneous_decisions" => {
            let inputs: Vec<PairedInput> = i["criteria"]
                .as_array()?
                .iter()
                .enumerate()
                .map(|(k, c)| {
                    let pairs = numbers(&c["x"]).into_iter().map(|d| Pair {
                        a: Some(3.0),
                        b: Some(3.0 + d),
                        cluster: None,
                    });
                    PairedInput { name: k.to_string(), pairs: pairs.collect(), people: Vec::new() }
                })
                .collect();
            let rows: Vec<Value> = paired_compare(&inputs, 1)
                .iter()
                .map(|row| {
                    let (lo, hi) = row.decision_ci.unwrap();
                    let word = row.decision(i["margin"].as_f64()).word().replace('_', " ");
                    json!({"lo": lo, "hi": hi, "decision": word})
                })
                .collect();
            json!({"rows": rows, "level_each": decision::level_of_each(inputs.len())})
        }
        _ => return None,
    })
}

/// Fields that no function here has: Jeffreys' interval and the mid-p are not offered.
const NOT_OFFERED: [(&str, &str); 2] = [("share_ci_cluster", "jeffreys"), ("mcnemar_exact", "p_mid")];

/// People and judge of a golden case, as differences new - old.
fn differences(i: &Value) -> (Vec<Labelled>, Vec<Unlabelled>) {
    let minus = |new: &str, old: &str| -> Vec<f64> {
        numbers(&i[new]).iter().zip(numbers(&i[old])).map(|(a, b)| a - b).collect()
    };
    let mut groups = clusters(i, &["cluster", "cluster_unlabeled"]);
    let (theirs, ours) = (groups.pop().unwrap(), groups.pop().unwrap());
    let at = |list: &Option<Vec<u32>>, k: usize| list.as_ref().map(|l| l[k]);
    let people = minus("human_new", "human_old").into_iter().zip(minus("judge_new", "judge_old")).enumerate();
    let labelled = people.map(|(k, (people, judge))| Labelled { people, judge, cluster: at(&ours, k) });
    let rest = minus("judge_new_unlabeled", "judge_old_unlabeled").into_iter().enumerate();
    (labelled.collect(), rest.map(|(k, judge)| Unlabelled { judge, cluster: at(&theirs, k) }).collect())
}

fn label_fns(function: &str, i: &Value) -> Option<Value> {
    let level = i["level"].as_f64().unwrap_or(0.95);
    Some(match function {
        "ppi_paired_diff" => {
            let (labelled, rest) = differences(i);
            let lambda = i["lam"].as_f64().map_or(Lambda::Tuned, Lambda::Fixed);
            let s = corrected::sandwich(&labelled, &rest, lambda, level)?;
            let of = |f: fn(&Labelled) -> f64| -> Vec<f64> { labelled.iter().map(f).collect() };
            let judged: Vec<f64> = rest.iter().map(|u| u.judge).collect();
            let z = assize::core::stats::correct::ppi_mean(
                &of(|l| l.people),
                &of(|l| l.judge),
                &judged,
                Lambda::Fixed(s.lam),
                level,
            )?;
            json!({"estimate": s.estimate, "lam": s.lam, "se_normal": z.se, "lo_normal": z.lo, "hi_normal": z.hi,
                   "var_labeled": s.var_labelled, "var_unlabeled": s.var_unlabelled, "cross": s.cross, "se": s.se,
                   "df": s.df, "lo": s.ci.0, "hi": s.ci.1})
        }
        "corrected_paired_diff" => {
            let (labelled, rest) = differences(i);
            let p = corrected::corrected_parts(&labelled, &rest, bounded::DIFFERENCES, level)?;
            let c = corrected::corrected(&labelled, &rest, bounded::DIFFERENCES, level)?;
            assert_eq!((c.interval(), c.estimate), (p.ci, p.estimate));
            json!({"estimate": p.estimate, "lam_mean": p.lam, "var_labeled": p.var_labelled,
                   "var_unlabeled": p.var_unlabelled, "cross": p.cross, "df": p.df, "t": ends(Some(p.t)),
                   "residual_extreme": ends(p.residual_extreme), "residual_dirichlet": ends(p.residual_dirichlet),
                   "lo": p.ci.0, "hi": p.ci.1})
        }
        _ => return None,
    })
}

/// Whether `got` is what is expected: numbers within `tol`, null only for null, lists and objects place by place.
fn same(got: &Value, want: &Value, tol: f64) -> bool {
    match (got, want) {
        (Value::Array(g), Value::Array(w)) => {
            g.len() == w.len() && g.iter().zip(w).all(|(g, w)| same(g, w, tol))
        }
        (Value::Object(g), Value::Object(w)) => {
            w.iter().all(|(key, w)| g.get(key).is_some_and(|g| same(g, w, tol)))
        }
        _ => match (got.as_f64(), want.as_f64()) {
            (Some(g), Some(w)) => (g - w).abs() <= tol * w.abs().max(1.0),
            _ => got == want,
        },
    }
}

#[test]
fn every_golden_case_comes_out_as_expected() {
    let all: Value = serde_json::from_str(CASES).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 140);
    let (mut wrong, mut missing, mut fields) = (vec![], BTreeMap::new(), 0);
    for case in cases {
        let (id, function) = (case["id"].as_str().unwrap(), case["fn"].as_str().unwrap());
        let input = &case["input"];
        if !KNOWN.contains(&function) {
            *missing.entry(function).or_insert(0) += 1;
            continue;
        }
        let answer = interval_fns(function, input).or_else(|| label_fns(function, input));
        for (field, want) in case["expected"].as_object().unwrap() {
            if NOT_OFFERED.contains(&(function, field.as_str())) {
                continue;
            }
            fields += 1;
            let got = answer.as_ref().and_then(|a| a.get(field));
            if !got.is_some_and(|got| same(got, want, case["tol"].as_f64().unwrap())) {
                wrong.push(format!("{id}: {field} should be {want}, is {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} fields wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(missing, BTreeMap::from(NOT_HERE));
    assert!(fields > 200, "{fields} fields compared");
}
