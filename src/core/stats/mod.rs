//! Statistics: what the scores say, and how sure one can be. Pure functions, each with its formula and source.
//!
//! ```text
//! dist      normal, t, noncentral t           rng       seeded chance, stable for ever
//! mean      means, clusters, bounds, rates    rank      Pearson, Spearman, tau-b
//! paired    two arms: t, sign flips           wilcoxon  signed ranks, as an option
//! multiple  Holm, Benjamini-Hochberg          power     cases a change needs
//! agree     human against judge, the grid     alpha     any number of raters
//! exact     intervals of k of n            pair      what both arms got on one case
//! bounded   the interval of a mean on a bounded scale
//! share     a share with its interval, also with clusters
//! decision  what an interval is taken to mean
//! imhof     quantiles without chance          corrected a mean or difference corrected by people
//! by_people what labels make of a comparison
//! repeat    a judge against itself, noise     correct   a judge corrected by humans
//! jackknife intervals by leaving one out       judges    two judges on the same labels
//! confusion pass and fail, score by score      calibration  what people say where the judge says 4
//! levels    correlation of documents, systems  pass_rate a judge's pass rate put right
//! paired_share  two shares of the same cases   homogeneity  are the categories used equally often
//! labels    agreement on named categories      betting   means by betting, assuming bounds only
//! looks     a case set that is asked often     drift     has the judge changed?
//! logprob   a score from probabilities     useful    criteria that say nothing
//! sequential  an interval that may be looked at after every case, and the rule to stop by
//!
//! paired, multiple -> compare (the table and its sentence) -> gate (pass, fail, inconclusive)
//! ```
//! Nothing here ever answers NaN or an infinity: what is undefined is `None`, and is shown as `n/a`.
pub mod agreement;
pub mod alpha;
pub mod betting;
pub mod bounded;
pub mod by_people;
pub mod calibration;
pub mod compare;
pub mod confusion;
pub mod corrected;
pub mod decision;
pub mod dist;
pub mod drift;
pub mod exact;
pub mod gate;
pub mod homogeneity;
mod imhof;
pub mod interim_looks;
pub mod item_discrimination;
pub mod jackknife;
pub mod judges;
pub mod labels;
pub mod levels;
pub mod logprob;
pub mod mean;
pub mod multiple_testing;
pub mod pair;
pub mod paired;
pub mod paired_share;
pub mod pass_rate;
pub mod power;
pub mod ppi;
pub mod rank;
pub mod reliability;
pub mod rng;
pub mod sequential;
pub mod share;
pub mod wilcoxon;
