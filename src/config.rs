//! (stub)
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use crate::judge::JudgeConfig;
/// stub
#[derive(Debug, Clone, Default)]
pub struct UiConfig { /// stub
    pub theme: Option<String>, /// stub
    pub keys: Vec<(String,String)>, /// stub
    pub reviewer: Option<String> }
/// stub
#[derive(Debug, Clone, Default)]
pub struct ReviewConfig { /// stub
    pub name: Option<String> }
/// stub
#[derive(Debug, Clone, Default)]
pub struct Config { /// stub
    pub review: ReviewConfig, /// stub
    pub judges: BTreeMap<String, JudgeConfig>, /// stub
    pub models: BTreeMap<String, JudgeConfig>, /// stub
    pub ui: UiConfig, /// stub
    pub source: Option<PathBuf> }
/// stub
#[derive(Debug, thiserror::Error)]
#[error("bad config")]
pub struct ConfigError;
impl Config { /// stub
 /// # Errors
 /// x
    pub fn load(_path: Option<&Path>) -> Result<Self, ConfigError> { Ok(Self::default()) } }
