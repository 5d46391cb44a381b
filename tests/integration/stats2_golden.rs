//! The second acceptance set of the statistics: 140 cases of intervals that hold, labels, agreement and looks, computed
//! with scipy, scikit-learn, statsmodels, krippendorff and ppi-python or written from the papers a second time.
//!
//! Each case names a function, its input, and fields that must come out within its tolerance.
use assize::core::stats::agreement::{ScoreTable, Weights};
use assize::core::stats::betting::{betting_mean_ci, betting_process};
use assize::core::stats::bounded::{self, Ends, bounded_ci, mean_cr2};
use assize::core::stats::calibration::calibration_table;
use assize::core::stats::compare::{Pair, PairedInput, paired_compare};
use assize::core::stats::confusion::{Binary, Counted};
use assize::core::stats::corrected::{self, Labelled, Unlabelled};
use assize::core::stats::drift::anchor_drift;
use assize::core::stats::gate::cases_needed;
use assize::core::stats::homogeneity::{Homogeneity, marginal_homogeneity};
use assize::core::stats::jackknife::{Jackknife, jackknife};
use assize::core::stats::judges::{ByBoth, judges_difference};
use assize::core::stats::labels::{alpha_of_labels, nominal_kappa};
use assize::core::stats::levels::correlation_levels;
use assize::core::stats::mean::wilson;
use assize::core::stats::paired::{paired_diff, sign_test, sign_test_mid};
use assize::core::stats::paired_share::PairedShare;
use assize::core::stats::pass_rate::{Calibration, pass_rate};
use assize::core::stats::ppi::Lambda;
use assize::core::stats::{decision, interim_looks, share};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CASES: &str = include_str!("stats2_golden.json");

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
            // The rule of the case is the hull of these; what is printed may add the part of whole clusters, or of a share.
            let parts = || [b.t, b.dirichlet, b.extreme, b.rule3].into_iter().flatten();
            let scale = bounds(i);
            let rule = parts().reduce(|x, y| (x.0.min(y.0), x.1.max(y.1)));
            let rule = rule.map(|(lo, hi)| (lo.max(scale.0), hi.min(scale.1)));
            assert_eq!(b.ci.is_some(), rule.is_some());
            assert!(b.ci.zip(rule).is_none_or(|(ci, rule)| ci.0 <= rule.0 && ci.1 >= rule.1));
            assert!(b.whole.is_some() || b.two_ended.is_some() || b.ci == rule);
            json!({"n": b.n, "clusters": b.units, "mean": b.mean, "method": method, "t": ends(b.t),
                   "dirichlet": ends(b.dirichlet), "extreme": ends(b.extreme), "rule3": ends(b.rule3), "df": b.df,
                   "q": b.q, "lo": rule.map(|c| c.0), "hi": rule.map(|c| c.1)})
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
                   "wilson": ends(s.wilson), "jeffreys": ends(s.jeffreys)})
        }
        "wilson" => {
            let rate = wilson(i["k"].as_u64()?, i["n"].as_u64()?, level);
            json!({"p": rate.map(|r| r.p), "lo": rate.map(|r| r.lo), "hi": rate.map(|r| r.hi)})
        }
        "jeffreys" => {
            let (k, n) = (i["k"].as_f64()?, i["n"].as_f64()?);
            let found = share::jeffreys(k, n, level);
            json!({"p": found.map(|_| k / n), "lo": found.map(|f| f.0), "hi": found.map(|f| f.1)})
        }
        "paired_share_newcombe" => {
            let found = paired_share(i)?.newcombe(level)?;
            json!({"diff": found.diff, "phi": found.phi, "lo": found.ci.0, "hi": found.ci.1})
        }
        "paired_share_tango" => {
            let found = paired_share(i)?.tango(level)?;
            json!({"diff": paired_share(i)?.difference(), "lo": found.0, "hi": found.1})
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
            let (k, n) = (i["k"].as_u64()?, i["n"].as_u64()?);
            let (lo, hi) = share::clopper_pearson(k, n, level)?;
            // On two values the pseudo-observation of weight 1 is the same interval.
            let x: Vec<f64> = (0..n).map(|c| f64::from(u8::from(c < k))).collect();
            let (low, high) = bounded::gaffke_ci(&x, None, (0.0, 1.0), level)?;
            assert!((lo - low).abs() < 1e-8 && (hi - high).abs() < 1e-8);
            json!({"lo": lo, "hi": hi})
        }
        "mcnemar_exact" => {
            let (old, new) = (i["old_only"].as_u64()?, i["new_only"].as_u64()?);
            // The sign test; its mid-p takes half the chance of the table itself.
            json!({"p": sign_test(new, old), "p_mid": sign_test_mid(new, old)})
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

fn paired_share(i: &Value) -> Option<PairedShare> {
    let count = |key: &str| i[key].as_u64();
    Some(PairedShare {
        both: count("both")?,
        old_only: count("old_only")?,
        new_only: count("new_only")?,
        neither: count("neither")?,
    })
}

/// Places of named labels in their list.
fn places(labels: &Value, names: &Value) -> Vec<Option<usize>> {
    let known: Vec<&str> = labels.as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    let place = |name: &Value| known.iter().position(|k| Some(*k) == name.as_str());
    names.as_array().unwrap().iter().map(place).collect()
}

/// A list of lists of numbers, null where there is none.
fn table(v: &Value) -> Vec<Vec<Option<f64>>> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().unwrap().iter().map(Value::as_f64).collect())
        .collect()
}

fn category_fns(function: &str, i: &Value) -> Option<Value> {
    let level = i["level"].as_f64().unwrap_or(0.95);
    Some(match function {
        "marginal_homogeneity" => {
            let counts: Vec<Vec<u64>> = serde_json::from_value(i["table"].clone()).ok()?;
            let found = marginal_homogeneity(&counts)?;
            let of = |h: Homogeneity| json!({"chi2": h.chi2, "df": h.df, "p": h.p});
            json!({"stuart_maxwell": of(found.stuart_maxwell), "bhapkar": of(found.bhapkar)})
        }
        "kappa_nominal" => {
            let both = places(&i["labels"], &i["human"]).into_iter().zip(places(&i["labels"], &i["judge"]));
            let pairs: Vec<(usize, usize)> = both.map(|(a, b)| (a.unwrap(), b.unwrap())).collect();
            let k = nominal_kappa(&pairs, i["labels"].as_array()?.len(), level);
            let normal = k.normal;
            json!({"kappa": k.kappa, "se": k.se, "lo": normal.map(|c| c.0), "hi": normal.map(|c| c.1), "exact": k.exact})
        }
        "krippendorff_alpha_labels" => {
            let rows: Vec<_> = i["ratings"].as_array()?.iter().map(|row| places(&i["labels"], row)).collect();
            json!({"alpha": alpha_of_labels(&rows, i["ordered"].as_bool()?)})
        }
        "binary_confusion" => {
            let count = |key: &str| i[key].as_u64();
            let rates = Binary { tp: count("tp")?, fn_: count("fn")?, fp: count("fp")?, tn: count("tn")? }
                .rates(level);
            let pair = |e: Option<Ends>| json!([e.map(|e| e.0), e.map(|e| e.1)]);
            let of = |c: Counted| json!({"value": c.value, "n": c.n, "wilson": pair(c.wilson), "exact": pair(c.exact)});
            json!({"tpr": of(rates.tpr), "tnr": of(rates.tnr), "precision": of(rates.precision), "npv": of(rates.npv),
                   "accuracy": of(rates.accuracy), "recall": of(rates.tpr), "f1": rates.f1,
                   "balanced_accuracy": rates.balanced_accuracy})
        }
        "rogan_gladen_ci" => {
            let count = |key: &str| i[key].as_u64();
            let found = pass_rate(
                &Calibration {
                    judge_pass: count("judge_pass")?,
                    judge_n: count("judge_n")?,
                    tp: count("tp")?,
                    m_pass: count("m_pass")?,
                    tn: count("tn")?,
                    m_fail: count("m_fail")?,
                },
                level,
            );
            json!({"point": found.map(|f| f.point), "theta_smoothed": found.map(|f| f.smoothed),
                   "shift": found.map(|f| f.shift), "se": found.map(|f| f.se), "lo": found.map(|f| f.ci.0),
                   "hi": found.map(|f| f.ci.1)})
        }
        _ => return None,
    })
}

/// Quadratic kappa of (people, judge) pairs by the delete-one jackknife.
fn kappa_jackknife(human: &[f64], judge: &[f64], level: f64) -> Option<Jackknife> {
    let pairs: Vec<(u8, u8)> = human.iter().zip(judge).map(|(h, j)| (*h as u8, *j as u8)).collect();
    jackknife(&vec![1; pairs.len()], level, |left_out| {
        let kept = pairs.iter().enumerate().filter(|(k, _)| Some(*k) != left_out).map(|(_, p)| *p);
        ScoreTable::of(kept).kappa(Weights::Quadratic)
    })
}

fn agreement_fns(function: &str, i: &Value) -> Option<Value> {
    let level = i["level"].as_f64().unwrap_or(0.95);
    let list = |key: &str| numbers(&i[key]);
    Some(match function {
        "kappa_jackknife" => {
            let j = kappa_jackknife(&list("human"), &list("judge"), level)?;
            json!({"kappa": j.value, "se": j.se, "df": j.df, "lo": j.ci.0, "hi": j.ci.1})
        }
        "agreement_difference" => {
            let (human, first, second) = (list("human"), list("judge1"), list("judge2"));
            let items: Vec<ByBoth> = human
                .iter()
                .zip(first.iter().zip(&second))
                .map(|(people, (first, second))| ByBoth { people: *people, first: *first, second: *second })
                .collect();
            let groups = clusters(i, &["cluster"]).remove(0);
            let d = judges_difference(&items, groups.as_deref(), level);
            match i["statistic"].as_str()? {
                "quadratic_kappa" => {
                    let (lo, hi) = d.kappa.jackknife?;
                    json!({"diff": d.kappa.difference, "se": d.kappa.se, "df": d.kappa.df, "lo": lo, "hi": hi,
                           "kappa1": d.kappa.first, "kappa2": d.kappa.second})
                }
                "exact" => {
                    let newcombe = d.counts.newcombe(level)?;
                    json!({"both": d.counts.both, "judge1_only": d.counts.new_only, "judge2_only": d.counts.old_only,
                           "neither": d.counts.neither, "diff": d.exact.difference, "mcnemar_p": d.p_exact,
                           "lo": newcombe.ci.0, "hi": newcombe.ci.1})
                }
                _ => {
                    let apart = |judge: &[f64]| -> Vec<f64> {
                        judge.iter().zip(&human).map(|(j, h)| (j - h).abs()).collect()
                    };
                    let t = paired_diff(&apart(&second), &apart(&first), level);
                    assert!((t.diff.mean? - d.mae.difference?).abs() < 1e-12);
                    json!({"diff": t.diff.mean, "lo": t.diff.lo, "hi": t.diff.hi, "p": t.p})
                }
            }
        }
        "correlation_levels" => {
            let l = correlation_levels(&table(&i["human"]), &table(&i["judge"]));
            json!({"document_spearman": l.spearman.document, "system_spearman": l.spearman.system,
                   "pooled_spearman": l.spearman.pooled, "document_kendall_b": l.kendall.document,
                   "system_kendall_b": l.kendall.system, "pooled_kendall_b": l.kendall.pooled,
                   "documents_used": l.documents_used, "documents_undefined": l.documents_undefined})
        }
        "calibration_table" => {
            let judge = list("judge");
            let pairs: Vec<(f64, u8)> =
                list("human").into_iter().zip(judge.iter().map(|j| *j as u8)).collect();
            let rows: Vec<Value> = calibration_table(&pairs, None, level)
                .iter()
                .map(|r| {
                    json!({"judge": r.judge, "n": r.n, "mean": r.mean, "lo": r.ci.map(|c| c.0),
                           "hi": r.ci.map(|c| c.1)})
                })
                .collect();
            json!({"rows": rows})
        }
        _ => return None,
    })
}

fn history_fns(function: &str, i: &Value) -> Option<Value> {
    Some(match function {
        "betting_mean_ci" => {
            let (lo, hi) = betting_mean_ci(&numbers(&i["x"]), i["level"].as_f64()?)?;
            json!({"lo": lo, "hi": hi})
        }
        "betting_eprocess" => {
            let alpha = i["alpha"].as_f64()?;
            let e = betting_process(&numbers(&i["x"]), i["m0"].as_f64()?, alpha);
            let crossed = e.iter().position(|e| *e >= 1.0 / alpha).map(|at| at + 1);
            json!({"e": e, "crossed": crossed})
        }
        "case_set_wear" => {
            let (p, alpha) = (numbers(&i["p_one_sided"]), i["alpha"].as_f64()?);
            let found = interim_looks::looks(&p, alpha);
            let rows: Vec<Value> = found
                .iter()
                .map(|l| json!({"look": l.look, "alpha": l.alpha, "level": l.level, "better": l.better}))
                .collect();
            json!({"rows": rows, "spent": interim_looks::spent(found.len(), alpha)})
        }
        "anchor_drift" => {
            let reference: Vec<Vec<f64>> = i["reference"].as_array()?.iter().map(numbers).collect();
            let found = anchor_drift(&reference, &table(&i["runs"]), i["alarm"].as_f64()?);
            json!({"e": found.evidence, "alarm_run": found.alarm_run, "p": found.p})
        }
        _ => return None,
    })
}

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
            let z = assize::core::stats::ppi::ppi_mean(
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
            let s = p.spread;
            assert_eq!((c.interval(), c.estimate), (p.ci, s.estimate));
            json!({"estimate": s.estimate, "lam_mean": s.lam, "var_labeled": s.var_labelled,
                   "var_unlabeled": s.var_unlabelled, "cross": s.cross, "df": s.df, "t": ends(Some(s.ci)),
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
    let (mut wrong, mut fields) = (vec![], 0);
    for case in cases {
        let (id, function) = (case["id"].as_str().unwrap(), case["fn"].as_str().unwrap());
        let input = &case["input"];
        let answer = [interval_fns, label_fns, category_fns, agreement_fns, history_fns]
            .iter()
            .find_map(|of| of(function, input));
        for (field, want) in case["expected"].as_object().unwrap() {
            fields += 1;
            let got = answer.as_ref().and_then(|a| a.get(field));
            if !got.is_some_and(|got| same(got, want, case["tol"].as_f64().unwrap())) {
                wrong.push(format!("{id}: {field} should be {want}, is {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} fields wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(fields > 500, "{fields} fields compared");
}
