//! Several questions at once: p-values adjusted for how many were asked.
//!
//! Two criteria tested at 5 % each are wrong together nearly 10 % of the time; the adjusted p's are compared with
//! 5 % as if there were one.

/// Holm's step-down adjustment (1979): with the p's sorted, p_(i) becomes max over j <= i of min(1, (m-j+1) p_(j)).
/// Controls the chance of any false alarm. Answers in the order of the input; whatever is not a probability makes
/// no place in the family and stays `None`.
pub fn holm(p: &[f64]) -> Vec<Option<f64>> {
    let order = ranked(p);
    let m = order.len();
    let mut out = vec![None; p.len()];
    let mut running = 0.0_f64;
    for (step, &(index, value)) in order.iter().enumerate() {
        running = running.max(((m - step) as f64 * value).min(1.0));
        set(&mut out, index, running);
    }
    out
}

/// Benjamini and Hochberg's step-up adjustment (1995): min over j >= i of min(1, m p_(j) / j). Controls the share of
/// false alarms among the alarms; for long tables only.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<Option<f64>> {
    let order = ranked(p);
    let m = order.len() as f64;
    let mut out = vec![None; p.len()];
    let mut running = 1.0_f64;
    for (step, &(index, value)) in order.iter().enumerate().rev() {
        running = running.min(m * value / (step as f64 + 1.0));
        set(&mut out, index, running);
    }
    out
}

/// The probabilities among `p` with their places, smallest first.
fn ranked(p: &[f64]) -> Vec<(usize, f64)> {
    let mut order: Vec<(usize, f64)> =
        p.iter().copied().enumerate().filter(|(_, v)| (0.0..=1.0).contains(v)).collect();
    order.sort_by(|x, y| x.1.total_cmp(&y.1));
    order
}

fn set(out: &mut [Option<f64>], index: usize, value: f64) {
    if let Some(place) = out.get_mut(index) {
        *place = Some(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_probability_is_left_out_of_the_family() {
        assert_eq!(holm(&[0.02, f64::NAN, 0.04]), [Some(0.04), None, Some(0.04)]);
        assert_eq!(benjamini_hochberg(&[2.0]), [None]);
    }

    proptest! {
        #[test]
        fn adjusting_never_helps_and_keeps_the_order(p in prop::collection::vec(0.0..=1.0_f64, 0..12)) {
            let (strict, mild) = (holm(&p), benjamini_hochberg(&p));
            for i in 0..p.len() {
                let (h, b) = (strict[i].unwrap(), mild[i].unwrap());
                prop_assert!(h >= p[i] && h <= 1.0 && b >= p[i] - 1e-15 && b <= h + 1e-12);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || h <= strict[j].unwrap());
                }
            }
        }

        #[test]
        fn order_of_the_questions_does_not_matter(p in prop::collection::vec(0.0..=1.0_f64, 0..12)) {
            let turned: Vec<f64> = p.iter().rev().copied().collect();
            let mut back = holm(&turned);
            back.reverse();
            prop_assert_eq!(back, holm(&p));
        }
    }
}
