//! Carrying out runs: what is asked, what is stored, what a resumed run asks again, and what stops one.

use crate::eval_support::{Act, Registry, Scripted, Writing, item, items, request};
use assize::core::digest::Digest;
use assize::core::prompt::{Selector, Template};
use assize::core::verdict::VerdictState;
use assize::eval::{ArmChoice, Control, EvalError, Progress, RunScope, exit_code};
use assize::store::{NewRevision, RunState, Store, StoreError};
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

fn count(run: &assize::store::RunInfo, state: VerdictState) -> u32 {
    run.verdicts.get(&state).copied().unwrap_or_default()
}

#[tokio::test]
async fn every_key_is_asked_once_and_told_only_when_it_is_stored() {
    let registry = Registry::with_items(items(9)).await;
    let id =
        registry.create(assize::eval::RunRequest { repeats: 2, ..request(&["accuracy", "clarity"]) }).await;
    let judge = Scripted::scoring(4);
    let told = Arc::new(Mutex::new(HashSet::new()));
    let (seen, path, run) = (Arc::clone(&told), registry.path(), id.clone());
    let other = Mutex::new(Store::open_read_only(&path).unwrap());
    let tell = move |progress| {
        if let Progress::Saved { cell, .. } = progress {
            let stored = other.lock().unwrap().cells(&run).unwrap();
            assert!(stored.contains(&cell), "told before it was stored: {cell:?}");
            assert!(seen.lock().unwrap().insert((cell.item, cell.criterion, cell.repeat)));
        }
    };
    let done =
        registry.go_telling(&id, &judge, None, RunScope::Missing, &Control::new(), tell).await.unwrap();
    assert_eq!((done.state, count(&done, VerdictState::Scored), judge.asked()), (RunState::Complete, 36, 36));
    assert_eq!(told.lock().unwrap().len(), 36);
    assert_eq!(judge.keys.lock().unwrap().iter().collect::<HashSet<_>>().len(), 36);
    assert!(judge.most_in_flight.load(Ordering::SeqCst) <= 4);
    // One request of discovery, and what 36 replies say they used: 100 tokens in at 1 USD, 10 out at 10 USD a million.
    assert_eq!((done.usage.calls, done.usage.cached), (37, 0));
    assert_eq!((done.usage.prompt_tokens, done.usage.completion_tokens), (Some(3600), Some(360)));
    assert!((done.usage.cost_usd.unwrap() - 36.0 * 200e-6).abs() < 1e-12);
    assert!(done.usage.wall_s > 0.0 && done.holder.is_none());
    assert_eq!(done.fingerprint, Some(Digest::of("scripted")));
    assert_eq!(exit_code(&done, 0.0), 0);
}

#[tokio::test]
async fn cancelled_anywhere_and_resumed_it_equals_an_unbroken_run_and_pays_nothing_twice() {
    let unbroken = Registry::with_items(items(8)).await;
    let id = unbroken.create(request(&["accuracy", "clarity"])).await;
    let script = |r: &assize::judge::JudgeRequest, _| {
        if r.lookup.case_id == "c003" { Act::Fail(VerdictState::Unparseable) } else { Act::Score(2) }
    };
    unbroken.go(&id, &Arc::new(Scripted::new(script)), RunScope::Missing, &Control::new()).await.unwrap();
    let want = unbroken.content(&id).await;
    assert_eq!(want.len(), 16);
    for stop_after in [0u64, 1, 5, 11, 15] {
        let registry = Registry::with_items(items(8)).await;
        let id = registry.create(request(&["accuracy", "clarity"])).await;
        let first =
            Arc::new(Scripted::new(move |r, n| if n < stop_after { script(r, n) } else { Act::Hang }));
        let control = Control::new();
        let (handle, saved) = (control.clone(), AtomicU64::new(0));
        let tell = move |progress| {
            let enough = match progress {
                Progress::Saved { .. } => saved.fetch_add(1, Ordering::SeqCst) + 1 >= stop_after,
                Progress::Discovered { .. } => stop_after == 0,
                _ => false,
            };
            if enough {
                handle.cancel();
            }
        };
        let cut = registry.go_telling(&id, &first, None, RunScope::Missing, &control, tell).await.unwrap();
        assert_eq!((cut.state, cut.reason.as_str()), (RunState::Partial, "cancelled"), "{stop_after}");
        let stored: u64 = cut.verdicts.values().map(|n| u64::from(*n)).sum();
        assert_eq!(stored, stop_after, "what was answered is stored, what was in flight is not");
        let second = Arc::new(Scripted::new(script));
        let done = registry.go(&id, &second, RunScope::Missing, &Control::new()).await.unwrap();
        assert_eq!(done.state, RunState::Complete);
        assert_eq!(second.asked(), 16 - stored, "only what is missing is asked again");
        assert_eq!(registry.content(&id).await, want, "{stop_after}");
        let paid = first.asked() + second.asked() + 2;
        assert_eq!(done.usage.calls, paid, "every request counts, also of dropped calls");
    }
}

#[tokio::test]
async fn calls_in_flight_are_dropped_and_not_stored() {
    let registry = Registry::with_items(items(6)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let judge = Arc::new(Scripted::new(|_, n| if n < 2 { Act::Score(3) } else { Act::Hang }));
    let control = Control::new();
    let (handle, saved) = (control.clone(), AtomicU64::new(0));
    let tell = move |progress| {
        if matches!(progress, Progress::Saved { .. }) && saved.fetch_add(1, Ordering::SeqCst) == 1 {
            handle.cancel();
        }
    };
    let cut = registry.go_telling(&id, &judge, None, RunScope::Missing, &control, tell).await.unwrap();
    assert_eq!((count(&cut, VerdictState::Scored), cut.verdicts.len()), (2, 1));
    assert!(cut.holder.is_none());
}

#[tokio::test]
async fn a_dropped_future_leaves_a_run_that_resumes_at_once() {
    let registry = Registry::with_items(items(6)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let judge = Arc::new(Scripted::new(|_, n| if n < 2 { Act::Score(3) } else { Act::Hang }));
    let saved = Arc::new(tokio::sync::Notify::new());
    let (twice, told) = (Arc::clone(&saved), AtomicU64::new(0));
    let tell = move |progress| {
        if matches!(progress, Progress::Saved { .. }) && told.fetch_add(1, Ordering::SeqCst) == 1 {
            twice.notify_one();
        }
    };
    let control = Control::new();
    tokio::select! {
        done = registry.go_telling(&id, &judge, None, RunScope::Missing, &control, tell) => panic!("it cannot end: {done:?}"),
        () = saved.notified() => {}
    }
    let judge = Scripted::scoring(5);
    let done = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((done.state, judge.asked(), count(&done, VerdictState::Scored)), (RunState::Complete, 4, 6));
}

#[tokio::test]
async fn a_cap_on_calls_is_never_passed_and_each_resume_goes_on() {
    for uses_gate in [true, false] {
        let registry = Registry::with_items(items(10)).await;
        let id =
            registry.create(assize::eval::RunRequest { max_calls: Some(5), ..request(&["accuracy"]) }).await;
        let judge = Arc::new(Scripted { uses_gate, ..Scripted::new(|_, _| Act::Score(3)) });
        let first = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
        // One of the five calls was discovery's.
        assert_eq!((judge.asked(), first.usage.calls), (4, 5), "gate {uses_gate}");
        assert_eq!(
            (first.state, count(&first, VerdictState::Scored), count(&first, VerdictState::OverBudget)),
            (RunState::Stopped, 4, 6)
        );
        assert!(
            first.reason.starts_with("the cap of 5 calls was reached: 6 verdicts are over budget"),
            "{}",
            first.reason
        );
        assert_eq!(exit_code(&first, 0.0), 3);
        registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
        let third = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
        assert_eq!((third.state, judge.asked(), third.usage.calls), (RunState::Complete, 10, 13));
        assert_eq!((count(&third, VerdictState::Scored), exit_code(&third, 1.0)), (10, 0));
    }
}

#[tokio::test]
async fn a_cap_on_money_reserves_the_most_a_call_may_cost() {
    let registry = Registry::with_items(items(200)).await;
    // A call may cost a little over 2 x 1000 tokens out at 10 USD a million, 0.02 USD; each really costs 0.0002 USD.
    let id = registry
        .create(assize::eval::RunRequest { max_cost_usd: Some(0.065), ..request(&["accuracy"]) })
        .await;
    let judge = Scripted::scoring(3);
    let run = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!(run.state, RunState::Stopped, "{}", run.reason);
    // Discovery did not say what it cost and is booked at the most; then two reservations fit at a time, until what is
    // left is less than one call may cost: (0.065 - 2 x 0.0205) / 0.0002 calls.
    assert!((100..130).contains(&judge.asked()), "{} calls", judge.asked());
    assert!(run.usage.cost_usd.unwrap() <= 0.065 - 0.04);
    assert!(judge.most_in_flight.load(Ordering::SeqCst) <= 2, "two reservations are all that fit");
    assert_eq!(u64::from(count(&run, VerdictState::OverBudget)), 200 - judge.asked());
    assert!(run.reason.starts_with("the cap of 0.065 USD was reached"), "{}", run.reason);
}

#[tokio::test]
async fn a_cap_on_tokens_needs_no_price_and_is_never_passed() {
    let registry = Registry::with_items(items(200)).await;
    // A call may take some 3600 tokens (half of its bytes, and 2 x 1024 for the answer); each really takes 120.
    let judge = Scripted::scoring(3);
    let capped =
        assize::eval::RunRequest { judge: "free".into(), max_tokens: Some(16_000), ..request(&["accuracy"]) };
    let id = registry.create(capped).await;
    let run = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!(run.state, RunState::Stopped, "{}", run.reason);
    assert!(run.reason.starts_with("the cap of 16000 tokens was reached"), "{}", run.reason);
    let used = run.usage.prompt_tokens.unwrap() + run.usage.completion_tokens.unwrap();
    assert!(used <= 16_000 && judge.asked() > 20, "{used} tokens in {} calls", judge.asked());
    assert!(judge.most_in_flight.load(Ordering::SeqCst) <= 4);
    assert_eq!((exit_code(&run, 0.0), run.usage.cost_usd), (3, None));
}

#[tokio::test]
async fn judging_and_writing_are_told_apart_and_silence_is_not_zero() {
    let registry = Registry::empty();
    registry
        .handle
        .write(|s| {
            s.import_cases(
                "set",
                vec![serde_json::from_value(json!({"id": "c1", "vars": {"x": "1"}})).unwrap()],
            )
        })
        .await
        .unwrap();
    registry
        .handle
        .write(|s| s.register(NewRevision::new("p".parse().unwrap(), Template::text("{{ x }}"))))
        .await
        .unwrap();
    let arm = ArmChoice::Prompt { name: "p".parse().unwrap(), selector: Selector::LATEST };
    let id = registry
        .create(assize::eval::RunRequest {
            arms: vec![arm],
            model: Some("m".into()),
            ..request(&["accuracy"])
        })
        .await;
    let (judge, model) = (Scripted::scoring(3), Writing::new(|_| Ok("text".into())));
    let run = registry
        .go_telling(&id, &judge, Some(model), RunScope::Missing, &Control::new(), |_| ())
        .await
        .unwrap();
    // One of discovery, one of the judge, one of the model, which never says what it used.
    assert_eq!((run.usage.calls, run.usage.judging().calls, run.usage.generation.calls), (3, 2, 1));
    assert_eq!((run.usage.generation.prompt_tokens, run.usage.unknown), (None, 1));
    assert_eq!(run.usage.judging().prompt_tokens, run.usage.prompt_tokens);
    assert!(run.usage.prompt_tokens.is_some_and(|n| n > 0));
}

#[tokio::test]
async fn several_responses_are_written_for_a_case_each_stored_once_and_judged_apart() {
    let registry = Registry::empty();
    registry
        .handle
        .write(|s| {
            s.import_cases(
                "set",
                vec![serde_json::from_value(json!({"id": "c1", "vars": {"x": "1"}})).unwrap()],
            )
        })
        .await
        .unwrap();
    registry
        .handle
        .write(|s| s.register(NewRevision::new("p".parse().unwrap(), Template::text("{{ x }}"))))
        .await
        .unwrap();
    let written = AtomicU64::new(0);
    let model = Writing::new(move |_| Ok(format!("text {}", written.fetch_add(1, Ordering::SeqCst))));
    let wanted = |generations| assize::eval::RunRequest {
        arms: vec![ArmChoice::Prompt { name: "p".parse().unwrap(), selector: Selector::LATEST }],
        model: Some("m".into()),
        generations,
        repeats: 2,
        ..request(&["accuracy"])
    };
    let judge = Scripted::scoring(3);
    let id = registry.create(wanted(3)).await;
    let writer: Arc<dyn assize::judge::Model> = Arc::clone(&model) as _;
    let run = registry
        .go_telling(&id, &judge, Some(writer), RunScope::Missing, &Control::new(), |_| ())
        .await
        .unwrap();
    assert_eq!((run.items, run.planned, count(&run, VerdictState::Scored)), (3, 6, 6));
    assert_eq!((model.asked.load(Ordering::SeqCst), judge.asked()), (3, 6));
    let texts = registry.handle.read(move |s| {
        (0..3)
            .map(|n| Ok(s.full_item(&id, n)?.response.unwrap().unwrap()))
            .collect::<Result<HashSet<_>, StoreError>>()
    });
    assert_eq!(texts.await.unwrap().len(), 3, "three different responses");
    // A further run over more of them writes only what is missing.
    let more = registry.plan(wanted(4)).await;
    assert_eq!((more.calls_generate, more.run.items.len()), (1, 4));
}

#[tokio::test]
async fn checks_are_decided_without_the_judge_and_counted_apart() {
    let registry = Registry::with_items(items(12)).await;
    let text = "name = \"r\"\n[[criteria]]\nname = \"accuracy\"\nquestion = \"?\"\nanchors = [\"a\", \"b\", \"c\", \"d\", \"e\"]\n\
        [[checks]]\nname = \"one\"\nkind = \"contains\"\ntext = \"number 1\"\n\
        [[checks]]\nname = \"same\"\nkind = \"equals\"\n";
    let rubric = assize::core::rubric::read(text, "r.toml").unwrap();
    let wanted =
        assize::eval::RunRequest { rubric: assize::eval::RubricChoice::Exact(rubric), ..request(&[]) };
    let id = registry.create(wanted).await;
    let judge = Scripted::scoring(3);
    let run = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((run.planned, judge.asked()), (12, 12), "a check asks nobody");
    let of = run.clone();
    let checked = registry.handle.read(move |s| assize::eval::check_run(s, &of)).await.unwrap();
    let sums = assize::eval::summarize_checks(&run, &checked);
    let counts: Vec<_> = sums.iter().map(|c| (c.name.as_str(), c.pass, c.fail, c.not_applicable)).collect();
    // Numbers 1, 10 and 11 hold the text; no case has a reference.
    assert_eq!(counts, [("one", 3, 9, 0), ("same", 0, 0, 12)]);
}

#[tokio::test]
async fn an_edited_criterion_leaves_old_verdicts_kept_and_stale() {
    let registry = Registry::with_items(items(1)).await;
    let text = |question: &str| {
        format!(
            "name = \"mine\"\n[[criteria]]\nname = \"accuracy\"\nquestion = \"{question}\"\nanchors = [\"a\", \"b\", \"c\", \"d\", \"e\"]\n"
        )
    };
    let add = |question: &str| {
        let rubric = assize::core::rubric::read(&text(question), "r.toml").unwrap();
        registry.handle.write(move |s| s.add_rubric(&rubric))
    };
    add("Right?").await.unwrap();
    let wanted =
        assize::eval::RunRequest { rubric: assize::eval::RubricChoice::Named("mine".into()), ..request(&[]) };
    let id = registry.create(wanted).await;
    let run = registry.go(&id, &Scripted::scoring(3), RunScope::Missing, &Control::new()).await.unwrap();
    let stale = |run: assize::store::RunInfo| registry.handle.read(move |s| assize::eval::stale(s, &run));
    assert_eq!(stale(run.clone()).await.unwrap(), Vec::<String>::new());
    add("Is it right?").await.unwrap();
    let notes = stale(run.clone()).await.unwrap();
    assert!(notes.len() == 1 && notes[0].contains("'accuracy' of the rubric 'mine' was edited"), "{notes:?}");
    assert_eq!(registry.content(&id).await.len(), 1);
}

#[tokio::test]
async fn what_was_judged_before_is_free_and_failures_are_never_reused() {
    let registry = Registry::with_items(items(5)).await;
    let fails = |r: &assize::judge::JudgeRequest, _| {
        if r.lookup.case_id == "c001" { Act::Fail(VerdictState::Unparseable) } else { Act::Score(4) }
    };
    let first = registry.create(request(&["accuracy"])).await;
    assert_eq!(registry.plan(request(&["accuracy"])).await.cached, 0);
    registry.go(&first, &Arc::new(Scripted::new(fails)), RunScope::Missing, &Control::new()).await.unwrap();
    let again = registry.plan(request(&["accuracy"])).await;
    assert_eq!((again.cached, again.calls_judge), (4, 1));
    let second = registry.create(request(&["accuracy", "clarity"])).await;
    let judge = Scripted::scoring(2);
    let done = registry.go(&second, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((done.usage.cached, judge.asked(), done.usage.calls), (4, 6, 7));
    let verdicts = registry.handle.read(move |s| s.verdicts(&second)).await.unwrap();
    let cached: Vec<_> = verdicts.iter().filter(|v| v.verdict.cached).collect();
    assert_eq!(cached.len(), 4);
    assert!(
        cached.iter().all(|v| v.verdict.reading.as_ref().unwrap().score == 4 && v.verdict.cost_usd.is_none())
    );
    // Another fingerprint shares nothing.
    let third = registry.create(request(&["accuracy"])).await;
    let other =
        Arc::new(Scripted { fingerprint: Digest::of("other"), ..Scripted::new(|_, _| Act::Score(1)) });
    assert_eq!(
        registry.go(&third, &other, RunScope::Missing, &Control::new()).await.unwrap().usage.cached,
        0
    );
}

#[tokio::test]
async fn a_fatal_answer_stops_the_run_with_everything_before_it_saved() {
    let registry = Registry::with_items(items(20)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let judge = Arc::new(Scripted::new(|_, n| if n == 6 { Act::Stop } else { Act::Score(3) }));
    let run = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((run.state, run.reason.as_str()), (RunState::Stopped, "the quota is used up"));
    assert!(count(&run, VerdictState::Scored) >= 3, "{:?}", run.verdicts);
    assert_eq!(run.verdicts.len(), 1, "the stopping call itself stays open");
    assert!(judge.asked() <= 6 + 4);
    assert_eq!((run.usage.calls, exit_code(&run, 0.0)), (judge.asked() + 1, 5));
    let done = registry.go(&id, &Scripted::scoring(3), RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((done.state, count(&done, VerdictState::Scored)), (RunState::Complete, 20));
}

#[tokio::test]
async fn an_endpoint_that_refuses_discovery_gives_its_one_line_and_nothing_is_asked() {
    let registry = Registry::with_items(items(3)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let judge = Arc::new(Scripted { refuses_discovery: true, ..Scripted::new(|_, _| Act::Score(3)) });
    let run = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!(
        (run.state, run.reason.as_str(), judge.asked()),
        (RunState::Stopped, "the key was refused", 0)
    );
    assert_eq!((run.fingerprint, exit_code(&run, 0.0)), (None, 5));
}

#[tokio::test]
async fn a_registry_that_cannot_store_stops_paid_calls_at_the_first_failure() {
    let registry = Registry::with_items(items(200)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let other = rusqlite::Connection::open(registry.path()).unwrap();
    other
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON verdict WHEN NEW.item >= 8 BEGIN SELECT RAISE(ABORT, 'no space'); END")
        .unwrap();
    let judge = Scripted::scoring(3);
    let error = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap_err();
    // Which run it is; the command line says how it goes on.
    assert!(matches!(&error, EvalError::Write { run, .. } if *run == id), "{error}");
    assert_eq!(error.exit_code(), 4);
    // Stored (8 items at most), waiting for the commit (32, and a window of calls that ended meanwhile), in flight (4).
    assert!(judge.asked() <= 8 + 32 + 4 + 4, "{} calls were paid for nothing", judge.asked());
    other.execute_batch("DROP TRIGGER full").unwrap();
    let run = registry.run(&id).await;
    assert_eq!((run.state, run.holder), (RunState::Partial, None));
    let stored: u32 = run.verdicts.values().sum();
    let judge = Scripted::scoring(3);
    let done = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((done.state, judge.asked()), (RunState::Complete, u64::from(200 - stored)));
}

#[tokio::test]
async fn a_run_has_one_writer() {
    let registry = Registry::with_items(items(4)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let judge = Arc::new(Scripted::new(|_, _| Act::Hang));
    let begun = Arc::new(tokio::sync::Notify::new());
    let (signal, control) = (Arc::clone(&begun), Control::new());
    let tell = move |progress| {
        if matches!(progress, Progress::Began { .. }) {
            signal.notify_one();
        }
    };
    let second = async {
        begun.notified().await;
        let refused = registry.go(&id, &Scripted::scoring(3), RunScope::Missing, &Control::new()).await;
        assert_eq!(registry.run(&id).await.state, RunState::Running);
        control.cancel();
        refused
    };
    let (first, second) =
        tokio::join!(registry.go_telling(&id, &judge, None, RunScope::Missing, &control, tell), second);
    let error = second.unwrap_err();
    assert!(matches!(&error, EvalError::Store(StoreError::Conflict(_))), "{error}");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    assert_eq!((error.exit_code(), first.unwrap().state), (4, RunState::Partial));
}

#[tokio::test]
async fn another_judge_under_the_same_run_is_refused() {
    let registry = Registry::with_items(items(4)).await;
    let id = registry.create(assize::eval::RunRequest { max_calls: Some(2), ..request(&["accuracy"]) }).await;
    registry.go(&id, &Scripted::scoring(3), RunScope::Missing, &Control::new()).await.unwrap();
    let other =
        Arc::new(Scripted { fingerprint: Digest::of("other"), ..Scripted::new(|_, _| Act::Score(1)) });
    let error = registry.go(&id, &other, RunScope::Missing, &Control::new()).await.unwrap_err();
    assert!(error.to_string().contains("start a new run"), "{error}");
    assert_eq!((error.exit_code(), other.asked()), (4, 0));
}

#[tokio::test]
async fn retry_asks_failures_again_and_nothing_that_is_scored() {
    let registry = Registry::with_items(items(6)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let judge =
        Arc::new(Scripted::new(
            |_, n| if n % 2 == 0 { Act::Score(3) } else { Act::Fail(VerdictState::TimedOut) },
        ));
    let first = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!(
        (first.state, count(&first, VerdictState::TimedOut), exit_code(&first, 0.9)),
        (RunState::Complete, 3, 3)
    );
    let resumed = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!(
        (judge.asked(), resumed.state),
        (6, RunState::Complete),
        "a failure is a state: resume leaves it"
    );
    let judge = Scripted::scoring(5);
    let retried = registry.go(&id, &judge, RunScope::Failed, &Control::new()).await.unwrap();
    assert_eq!((judge.asked(), count(&retried, VerdictState::Scored), retried.verdicts.len()), (3, 6, 1));
}

#[tokio::test]
async fn a_paused_run_asks_nothing_until_it_goes_on() {
    let registry = Registry::with_items(items(6)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let (judge, control) = (Scripted::scoring(3), Control::new());
    control.pause(true);
    let (handle, probe) = (control.clone(), Arc::clone(&judge));
    let tell = move |progress| match progress {
        Progress::Discovered { .. } => {
            let (handle, probe) = (handle.clone(), Arc::clone(&probe));
            tokio::spawn(async move {
                // Far longer than a window of calls takes when none of them waits for anything.
                for _ in 0..1000 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(probe.asked(), 0);
                handle.pause(false);
            });
        }
        Progress::Began { .. } => assert!(!handle.is_paused(), "asked while paused"),
        _ => {}
    };
    let done = registry.go_telling(&id, &judge, None, RunScope::Missing, &control, tell).await.unwrap();
    assert_eq!((done.state, judge.asked()), (RunState::Complete, 6));
}

#[tokio::test]
async fn an_empty_response_is_not_generated_without_a_call() {
    let registry = Registry::with_items(vec![
        item("a", "default", ""),
        item("b", "default", " \n"),
        item("c", "default", "x"),
    ])
    .await;
    let id = registry.create(request(&["accuracy"])).await;
    let judge = Scripted::scoring(3);
    let done = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!(
        (judge.asked(), count(&done, VerdictState::NotGenerated), done.state),
        (1, 2, RunState::Complete)
    );
}

#[tokio::test]
async fn a_model_that_changes_is_flagged_also_across_a_resume() {
    let registry = Registry::with_items(items(6)).await;
    let id = registry.create(assize::eval::RunRequest { max_calls: Some(3), ..request(&["accuracy"]) }).await;
    registry.go(&id, &Scripted::scoring(3), RunScope::Missing, &Control::new()).await.unwrap();
    let other = Arc::new(Scripted::new(|_, _| Act::As("scripted-2")));
    registry.go(&id, &other, RunScope::Missing, &Control::new()).await.unwrap();
    let verdicts = registry.handle.read(move |s| s.verdicts(&id)).await.unwrap();
    for v in verdicts.iter().filter(|v| v.verdict.state == VerdictState::Scored) {
        let changed = v.verdict.model_returned.as_deref() == Some("scripted-2");
        assert_eq!(v.verdict.flags.contains(&"model_changed".to_owned()), changed);
    }
    assert!(verdicts.iter().any(|v| v.verdict.flags.contains(&"model_changed".to_owned())));
}

#[tokio::test]
async fn a_judge_that_panics_is_an_error_and_the_run_resumes() {
    let registry = Registry::with_items(items(6)).await;
    let id = registry.create(request(&["accuracy"])).await;
    let judge = Arc::new(Scripted::new(|_, n| if n == 3 { Act::Panic } else { Act::Score(3) }));
    let error = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap_err();
    assert!(matches!(error, EvalError::Internal(_)), "{error}");
    let done = registry.go(&id, &Scripted::scoring(3), RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((done.state, count(&done, VerdictState::Scored)), (RunState::Complete, 6));
}

#[tokio::test]
async fn a_thousand_items_go_through_in_chunks() {
    let registry = Registry::with_items(items(1000)).await;
    let id = registry.create(request(&["accuracy", "clarity"])).await;
    let judge = Scripted::scoring(3);
    let done = registry.go(&id, &judge, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!(
        (done.state, judge.asked(), count(&done, VerdictState::Scored)),
        (RunState::Complete, 2000, 2000)
    );
    let report = registry.handle.read(Store::fsck).await.unwrap();
    assert_eq!(report.faults, []);
}

/// A judge whose trial gave no verdict, and that scores the question number `scored`, counted from 0.
fn doubted(scored: u64) -> Arc<Scripted> {
    let script = move |_: &assize::judge::JudgeRequest, n| {
        if n == scored { Act::Score(4) } else { Act::Fail(VerdictState::Unparseable) }
    };
    Arc::new(Scripted { no_verdict: Some("no object in it".into()), ..Scripted::new(script) })
}

#[tokio::test]
async fn a_trial_without_a_verdict_lets_a_run_ask_eight_questions_and_all_once_one_is_scored() {
    let new = |n| async move {
        let registry = Registry::with_items(items(n)).await;
        let id = registry.create(request(&["accuracy", "clarity"])).await;
        (registry, id)
    };
    let (registry, id) = new(12).await;
    let go = |judge: Arc<Scripted>| {
        let (registry, id) = (&registry, &id);
        async move { registry.go(id, &judge, RunScope::Missing, &Control::new()).await.unwrap() }
    };
    let never = doubted(u64::MAX);
    let done = go(Arc::clone(&never)).await;
    assert_eq!((never.asked(), done.state, exit_code(&done, 0.0)), (8, RunState::Stopped, 5));
    assert_eq!(done.verdicts, BTreeMap::from([(VerdictState::Unparseable, 8)]), "what was asked is kept");
    assert!(
        done.reason.contains("no object in it") && done.reason.contains("judge check"),
        "{}",
        done.reason
    );
    // Whoever goes on pays for as many again.
    let again = doubted(u64::MAX);
    assert_eq!((go(Arc::clone(&again)).await.state, again.asked()), (RunState::Stopped, 8));
    // The eighth of them is scored: nothing is held back, and nothing is when the run goes on later.
    let eighth = doubted(7);
    let done = go(Arc::clone(&eighth)).await;
    assert_eq!((eighth.asked(), done.state), (8, RunState::Complete));
    let (registry, id) = new(12).await;
    let seventh = doubted(6);
    let all = registry.go(&id, &seventh, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((seventh.asked(), all.state), (24, RunState::Complete));
    let never = doubted(u64::MAX);
    let again = registry.go(&id, &never, RunScope::Failed, &Control::new()).await.unwrap();
    assert_eq!((never.asked(), again.state), (23, RunState::Complete), "it gave a score before");
    // Few questions are all asked, and so are those of a judge whose trial was read.
    let (registry, id) = new(4).await;
    let few = doubted(u64::MAX);
    let done = registry.go(&id, &few, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((few.asked(), done.state, exit_code(&done, 0.0)), (8, RunState::Complete, 5));
    let (registry, id) = new(12).await;
    let trusted = Arc::new(Scripted::new(|_, _| Act::Fail(VerdictState::Unparseable)));
    let done = registry.go(&id, &trusted, RunScope::Missing, &Control::new()).await.unwrap();
    assert_eq!((trusted.asked(), done.state), (24, RunState::Complete));
}
