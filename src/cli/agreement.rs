//! `assize agreement`: how well a judge agrees with the people who scored the same responses.

use super::context::Ctx;
use super::error::{CliError, DONE, Result};
use super::output::{clean, table};
use crate::core::rubric::Scale;
use crate::core::stats::agreement::Figure;
use crate::core::stats::confusion::Counted;
use crate::core::stats::reliability::Repeatability;
use crate::core::text::{self, plural};
use crate::eval::agreement::PassAgreement;
use crate::questions::agreement::{
    self, Agreed, AgreementData, AgreementFilter, Among, Answer, PeopleAgreement, StandardFigures,
};
use serde_json::{Value, json};

mod judges;
mod standard;

// Arguments of `agreement`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize agreement --run 7f3c --json\n  assize agreement --run 7f3c --slice legal\n  assize agreement --by-slice\n  assize agreement --judges"
)]
pub struct Args {
    /// Only this run [default: every run with reviews or several passes]
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Only this reviewer
    #[arg(long = "as", value_name = "NAME")]
    pub reviewer: Option<String>,
    /// Only cases with this tag
    #[arg(long, value_name = "TAG")]
    pub slice: Option<String>,
    /// Also for the cases of each tag alone
    #[arg(long)]
    pub by_slice: bool,
    /// Scores given after the judge's was seen count too
    #[arg(long)]
    pub with_seen: bool,
    /// Every two judges side by side, on the responses that both judged and people scored, with the interval of their difference
    #[arg(long, conflicts_with = "by_slice")]
    pub judges: bool,
}

impl Args {
    fn wanted(&self, criterion: u32) -> AgreementFilter {
        AgreementFilter {
            criterion,
            slice: self.slice.clone(),
            reviewer: self.reviewer.clone(),
            with_seen: self.with_seen,
        }
    }
}

/// One criterion of one run.
struct CriterionFigures {
    run: String,
    judge: String,
    name: String,
    agreed: Agreed,
    scale: Scale,
    standard: StandardFigures,
    itself: Option<Repeatability>,
    slices: Vec<(String, Agreed)>,
}

/// Prints the figures for each criterion.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let store = ctx.read()?;
    if args.judges {
        let among = args.run.as_deref().map_or(Among::All, Among::Run);
        return judges::run(ctx, &agreement::judges(&store, among, &args.wanted(0))?);
    }
    let grounds = match &args.run {
        Some(id) => vec![agreement::ground(&store, id)?],
        None => agreement::grounds(&store)?,
    };
    let found: Vec<CriterionFigures> = grounds.iter().flat_map(|ground| of_run(args, ground)).collect();
    if found.is_empty() {
        return Err(CliError::input(match &args.slice {
            Some(tag) => format!(
                "no response with the tag '{}' has a judge's score beside a person's, or two passes; \
                 `assize agreement --by-slice` lists the tags there are",
                clean(tag)
            ),
            None => {
                "nobody has scored a judged response yet: press 3 in the screens, or `assize review next`"
                    .to_owned()
            }
        }));
    }
    if ctx.json {
        let criteria: Vec<Value> = found.iter().map(|f| criterion_json(args, f)).collect();
        ctx.out.json(&json!({"schema": 1, "criteria": criteria}))?;
        return Ok(DONE);
    }
    for f in &found {
        tell(ctx, args, f)?;
    }
    Ok(DONE)
}

/// The criteria side by side, on as many threads as the machine has: nothing here but arithmetic.
fn of_run(args: &Args, ground: &AgreementData) -> Vec<CriterionFigures> {
    let columns = (0_u32..).zip(&ground.run.criteria);
    std::thread::scope(|scope| {
        let each: Vec<_> = columns
            .map(|(column, name)| scope.spawn(move || of_criterion(args, ground, column, name)))
            .collect();
        let found = each.into_iter().map(|one| one.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
        found.flatten().collect()
    })
}

fn of_criterion(args: &Args, ground: &AgreementData, criterion: u32, name: &str) -> Option<CriterionFigures> {
    let wanted = args.wanted(criterion);
    let (answer, standard) = Answer::with_standard(ground, &wanted);
    if answer.is_empty() {
        return None;
    }
    Some(CriterionFigures {
        run: ground.run.id.clone(),
        judge: ground.run.spec.judge.clone(),
        name: name.to_owned(),
        scale: ground.run.scale(criterion),
        standard,
        slices: if args.by_slice { answer.by_slice(ground, &wanted) } else { Vec::new() },
        agreed: answer.agreed,
        itself: answer.itself,
    })
}

fn figure_json(figure: &Figure, n: usize) -> Value {
    json!({"value": figure.value, "ci95": figure.ci95.map(|(lo, hi)| [lo, hi]), "n": n})
}

/// The figures of judge and people, as keys of one object.
fn figures_json(agreed: &Agreed) -> serde_json::Map<String, Value> {
    let mut out = serde_json::Map::new();
    for (key, _, figure, n) in agreed.table() {
        out.insert(key.into(), figure_json(&figure, n));
    }
    let mut single = serde_json::Map::new();
    for (key, _, figure, n) in agreed.table_single() {
        single.insert(key.into(), figure_json(&figure, n));
    }
    out.insert("single".into(), json!(single));
    let human = agreed.ceiling.as_ref().map(|ceiling| {
        let mut own = serde_json::Map::new();
        own.insert("items".into(), json!(ceiling.items));
        // Neither person is the judge: the sign of a bias between them says nothing.
        for (key, _, figure, n) in ceiling.table().into_iter().filter(|(key, ..)| *key != "bias") {
            own.insert(key.into(), figure_json(&figure, n));
        }
        own
    });
    out.insert("human".into(), json!(human));
    let l = &agreed.length;
    out.insert(
        "length".into(),
        json!({"n": l.n, "judge": l.judge, "human": l.human, "difference": figure_json(&l.lean, l.n)}),
    );
    out
}

/// What a judge's passes say of each other.
pub(super) fn itself_json(r: &Repeatability) -> Value {
    json!({
        "n": r.n, "passes": r.repeats, "icc1": r.icc1, "icck": r.icck, "identical": identical(r),
        "within_sd": r.within_sd, "alpha_ordinal": r.alpha_ordinal,
    })
}

/// Share of items whose passes all gave one score.
fn identical(r: &Repeatability) -> Option<f64> {
    (r.n > 0).then(|| r.all_equal as f64 / r.n as f64)
}

/// The same in one sentence.
pub(super) fn itself_words(r: &Repeatability) -> String {
    let number = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.3}"));
    format!(
        "the judge against itself, {} judged {} times: ICC(1) {}, {} identical",
        plural(r.n, "item", "items"),
        r.repeats,
        number(r.icc1),
        identical(r).map_or_else(|| "n/a".into(), |s| format!("{:.0} %", s * 100.0))
    )
}

fn criterion_json(args: &Args, f: &CriterionFigures) -> Value {
    let mut out = json!({
        "run": f.run, "judge": f.judge, "name": f.name, "slice": args.slice, "n": f.agreed.figures.n,
        "items": f.agreed.items, "reviewers": f.agreed.people, "grid": f.agreed.figures.grid.cells,
    });
    if let Some(map) = out.as_object_mut() {
        map.extend(figures_json(&f.agreed));
        map.extend(super::json::scale(&f.scale));
        if f.scale.has_labels() {
            map.insert("labels".into(), json!(f.scale.labels()));
            map.insert("kappa".into(), json!(f.agreed.figures.kappa_unweighted));
        }
        if let Some(pass) = &f.agreed.pass {
            map.insert("rates".into(), pass_json(pass));
        }
        map.extend(standard::standard_json(&f.standard));
        map.insert("itself".into(), json!(f.itself.as_ref().map(itself_json)));
        if args.by_slice {
            let slice = |(tag, agreed): &(String, Agreed)| {
                let mut one = figures_json(agreed);
                one.insert("tag".into(), json!(tag));
                one.insert("n".into(), json!(agreed.figures.n));
                one.insert("items".into(), json!(agreed.items));
                one
            };
            map.insert("slices".into(), f.slices.iter().map(slice).collect::<Vec<_>>().into());
        }
    }
    out
}

/// Rates of pass and fail against people's, each with its interval, and the share that passes in truth.
pub(super) fn pass_json(p: &PassAgreement) -> Value {
    let (c, r) = (&p.counts, &p.rates);
    let share =
        |of: &Counted| json!({"value": of.value, "ci95": of.held.map(|(lo, hi)| [lo, hi]), "n": of.n});
    json!({
        "tp": c.tp, "fn": c.fn_, "fp": c.fp, "tn": c.tn, "tpr": share(&r.tpr), "tnr": share(&r.tnr),
        "precision": share(&r.precision), "npv": share(&r.npv), "accuracy": share(&r.accuracy), "f1": r.f1,
        "balanced_accuracy": r.balanced_accuracy,
        "judge_share": (p.judge.1 > 0).then(|| p.judge.0 as f64 / p.judge.1 as f64),
        "corrected": p.corrected.map(|c| json!({"share": c.point, "ci95": c.fits.then_some([c.ci.0, c.ci.1]), "fits": c.fits})),
    })
}

/// The same in lines.
fn pass_lines(p: &PassAgreement) -> Vec<String> {
    let share = |of: &Counted| {
        format!("{} {} (n {})", number(of.value), interval(&Figure { value: of.value, ci95: of.held }), of.n)
    };
    let mut lines = vec![
        format!("  of what people pass, the judge passes (TPR)   {}", share(&p.rates.tpr)),
        format!("  of what people fail, the judge fails (TNR)    {}", share(&p.rates.tnr)),
        format!("  of what the judge passes, people pass         {}", share(&p.rates.precision)),
    ];
    lines.extend(p.corrected.map(|c| {
        let ends = c.fits.then_some((c.ci.0, c.ci.1));
        format!(
            "  passes in truth, as the judge's errors have it  {} {}",
            number(Some(c.point)),
            interval(&Figure { value: Some(c.point), ci95: ends })
        )
    }));
    lines
}

fn number(v: Option<f64>) -> String {
    text::fixed(v, 2)
}

/// The interval in brackets; of a figure without one it says why, and of none at all nothing.
fn interval(figure: &Figure) -> String {
    match (figure.ci95, figure.value) {
        (Some((lo, hi)), _) => format!("[{}, {}]", number(Some(lo)), number(Some(hi))),
        (None, Some(_)) => "too few to say".to_owned(),
        (None, None) => String::new(),
    }
}

/// What each figure means, in a few plain words.
fn meaning(key: &str) -> &'static str {
    match key {
        "exact" => "share with the same score",
        "within_one" => "share at most one apart",
        "bias" => "judge minus human, mean",
        "kappa_quadratic" => "quadratic kappa: 0 chance, 1 always alike",
        "alpha_ordinal" => "Krippendorff's alpha, ordinal",
        "spearman" => "Spearman's rank correlation",
        _ => "Kendall's tau-b",
    }
}

fn tell(ctx: &Ctx, args: &Args, f: &CriterionFigures) -> Result<()> {
    let slice = args.slice.as_ref().map(|tag| format!("  slice {}", clean(tag))).unwrap_or_default();
    let people = f.agreed.people.iter().map(|p| clean(p).into_owned()).collect::<Vec<_>>().join(", ");
    ctx.out.line(format!(
        "{}  run {}{slice}  {} by {}",
        clean(&f.name),
        f.run,
        plural(f.agreed.items, "item", "items"),
        if people.is_empty() { "nobody yet".to_owned() } else { people }
    ))?;
    if !f.agreed.pairs.is_empty() {
        tell_figures(ctx, &f.agreed)?;
        if let Some(pass) = &f.agreed.pass {
            pass_lines(pass).into_iter().try_for_each(|line| ctx.out.line(line))?;
        }
        if f.scale.is_scores() {
            standard::tell(ctx, &f.standard)?;
        }
    }
    if let Some(itself) = &f.itself {
        ctx.out.line(format!("  {}", itself_words(itself)))?;
    }
    if !f.slices.is_empty() {
        let mut rows =
            vec![["  slice", "n", "same", "bias", "kappa", "alpha", "ceiling"].map(str::to_owned).to_vec()];
        for (tag, agreed) in &f.slices {
            let a = &agreed.figures;
            rows.push(vec![
                format!("  {}", clean(tag)),
                a.n.to_string(),
                number(a.exact.value),
                number(a.bias.value),
                number(a.kappa_quadratic.value),
                number(a.alpha_ordinal.value),
                number(agreed.ceiling.as_ref().and_then(|c| c.figures.kappa_quadratic.value)),
            ]);
        }
        for line in table(&rows, &[1, 2, 3, 4, 5, 6]) {
            ctx.out.line(line)?;
        }
    }
    Ok(())
}

fn tell_figures(ctx: &Ctx, agreed: &Agreed) -> Result<()> {
    let ceiling = agreed.ceiling.as_ref().map(PeopleAgreement::table);
    // With one person throughout, the mean of people is that person.
    let single = (agreed.single.n > agreed.items).then(|| agreed.table_single());
    let mut head = vec!["", "judge to people's mean", "95 %", "n"];
    if single.is_some() {
        head.extend(["to one person", "95 %", "n"]);
    }
    if ceiling.is_some() {
        head.extend(["person to person", "95 %", "n"]);
    }
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for (i, (key, _, figure, n)) in agreed.table().into_iter().enumerate() {
        let mut row =
            vec![format!("  {}", meaning(key)), number(figure.value), interval(&figure), n.to_string()];
        if let Some((_, _, own, n)) = single.as_ref().and_then(|s| s.get(i)) {
            row.extend([number(own.value), interval(own), n.to_string()]);
        }
        if let Some((key, _, own, n)) = ceiling.as_ref().and_then(|c| c.get(i)) {
            let own = if *key == "bias" { Figure::default() } else { *own };
            row.extend([number(own.value), interval(&own), n.to_string()]);
        }
        rows.push(row);
    }
    for line in table(&rows, &[1, 3, 4, 6, 7, 9]) {
        ctx.out.line(line.trim_end())?;
    }
    let l = &agreed.length;
    ctx.out.line(format!(
        "  correlation with length: judge {}, people {}, judge minus people {} {} (n {})",
        number(l.judge),
        number(l.human),
        number(l.lean.value),
        interval(&l.lean),
        l.n
    ))
}
