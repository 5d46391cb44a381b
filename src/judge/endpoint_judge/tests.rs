//! What a fingerprint covers, and that it stays what it was.

use super::learn::trial;
use super::*;
use crate::judge::open;

fn config() -> JudgeConfig {
    JudgeConfig {
        name: "main".into(),
        base_url: "https://api.example.com/v1".into(),
        model: "m-1".into(),
        seed: Some(7),
        ..JudgeConfig::default()
    }
}

/// Scores are kept under this value: another one would part a judge from all it has said.
#[test]
fn the_fingerprint_of_a_judge_without_new_settings_never_changes() {
    let judge = open::judge(config(), None).unwrap();
    let body = judge.body(&trial()).unwrap();
    let found =
        [judge.fingerprint(), judge.pairs_fingerprint(), Digest::of(&body)].map(|digest| digest.hex());
    assert_eq!(
        found,
        [
            "eb1d317e9e74367754d08f98a9192148ef947219e594099b2d579d29e8721cbb",
            "f37458cbdadf0cdffa4c21cdfbc5b2f98cbbe4d18b8a57d2c040fd79cbf2408e",
            "294e7a6c6da2b7ddc8b915f055c468a8036f850e54d67c031ade16636ebc8f01"
        ]
    );
}
