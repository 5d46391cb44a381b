//! temporary
use assize::core::prompt::{Template, PromptName};
use assize::store::{NewRevision, Store};
fn main() -> anyhow::Result<()> {
    let path = std::path::PathBuf::from(std::env::args().nth(1).unwrap_or("/tmp/try.db".into()));
    if !path.exists() {
        let mut store = Store::open(&path)?;
        for file in ["fabric", "awesome"] {
            let text = std::fs::read_to_string(format!("../shared/data/prompt_history/{file}.jsonl"))?;
            let rows = text.lines().map(|l| { let v: serde_json::Value = serde_json::from_str(l).unwrap();
                let mut n = NewRevision::new(PromptName::from_foreign(v["name"].as_str().unwrap()).unwrap(), Template::text(v["template"].as_str().unwrap()));
                n.message = v["message"].as_str().map(Into::into); n.created_at = v["created_at"].as_str().map(Into::into); n }).collect();
            let t = std::time::Instant::now();
            let r = store.import_revisions(rows)?; eprintln!("{r:?} {:?}", t.elapsed());
        }
        store.set_label(&"extract_wisdom/system".parse()?, &"production".parse()?, &"r5".parse()?, None, false, &Default::default())?;
    }
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    rt.block_on(assize::tui::run(assize::tui::Options { registry: path, demo: false, plain: false }, Default::default()))?;
    rt.shutdown_background();
    Ok(())
}
