//! Runs through an endpoint's Batch API: which plans can be carried out so, and calling a batch off.

use super::endpoints::open_endpoint_judge;
use super::error::EvalError;
use super::execute::{PRICE, aside};
use super::plan::RunPlan;
use super::recorded::is_recorded;
use crate::config::Config;
use crate::store::{BatchInfo, BatchStage, Handle};

/// Makes a plan one that is asked in batches, or refuses it: a batch cannot be stopped in the middle, so what it may cost
/// must be within the caps before it is sent.
pub fn as_batch(plan: &mut RunPlan) {
    let spec = &mut plan.run.spec;
    let mut refused: Vec<String> = plan.refused.take().into_iter().collect();
    if is_recorded(&spec.judge) {
        refused.push("a recorded judge is asked nothing: leave --batch out".into());
    }
    if plan.calls_generate > 0 {
        refused.push(
            "--batch judges responses that are there: write them first with a run without --batch, then judge them with it"
                .into(),
        );
    }
    if spec.until.is_some() {
        refused.push(
            "--until looks at scores as they come, and a batch comes all at once: leave one of them out"
                .into(),
        );
    }
    if let Some(cap) = spec.max_calls.filter(|cap| *cap < plan.calls_judge) {
        refused.push(format!("the batch holds {} requests, and --max-calls allows {cap}", plan.calls_judge));
    }
    if let Some(cap) = spec.max_tokens.filter(|cap| *cap < plan.tokens_high) {
        refused.push(format!("the batch may use {} tokens, and --max-tokens allows {cap}", plan.tokens_high));
    }
    if let (Some(cap), Some(high)) = (spec.max_cost_usd, plan.cost_high)
        && high * PRICE > cap
    {
        refused.push(format!("the batch may cost {:.4} USD, and --max-cost allows {cap}", high * PRICE));
    }
    spec.batch = true;
    plan.refused = (!refused.is_empty()).then(|| refused.join("\n"));
}

/// Calls off what a run has under way at the endpoint; the batches with the status they have then. What is answered by then
/// is taken in by resuming the run.
///
/// # Errors
/// When there is no such run, it has no batch under way, or the endpoint refuses.
pub async fn cancel_batches(
    handle: Handle,
    config: &Config,
    run_id: &str,
) -> Result<Vec<BatchInfo>, EvalError> {
    let id = run_id.to_owned();
    let (run, batches) = handle
        .read(move |s| {
            let run = s.run(&id)?;
            let batches = s.batches(&run.id)?;
            Ok((run, batches))
        })
        .await?;
    let mut under_way: Vec<BatchInfo> =
        batches.into_iter().filter(|b| b.stage == BatchStage::Sent && b.batch_id.is_some()).collect();
    if under_way.is_empty() {
        return Err(EvalError::Input(format!("run {} has no batch under way", run.id)));
    }
    let (of, name) = (config.clone(), run.spec.judge.clone());
    let judge = aside(move || open_endpoint_judge(&of, &name, None, None)).await?;
    let Some(client) = judge.batch() else {
        return Err(EvalError::Input(format!("the judge '{}' takes no batches", run.spec.judge)));
    };
    for info in &mut under_way {
        let Some(batch_id) = &info.batch_id else { continue };
        info.status = client.cancel(batch_id).await?.status;
        let now = info.clone();
        handle.write(move |s| s.set_batch(&now)).await?;
    }
    Ok(under_way)
}
