//! What the command line asks for.

use crate::contender::Contender;
use crate::peers;
use crate::scale::{FULL, QUICK, Scale};
use crate::workloads::{self, CALLS};

#[derive(Default)]
pub struct Wishes {
    quick: bool,
    /// Contenders; empty for the usual ones.
    only: Vec<String>,
    /// Workloads; empty for all that need nothing.
    workloads: Vec<String>,
}

impl Wishes {
    /// Nothing if a word is not understood.
    pub fn read(words: &[String]) -> Option<Wishes> {
        let mut wishes = Wishes::default();
        for word in words {
            if word == "--quick" {
                wishes.quick = true;
            } else if let Some(names) = word.strip_prefix("--only=") {
                wishes.only = names.split(',').map(str::to_string).collect();
            } else {
                wishes.workloads.push(word.clone());
            }
        }
        let contender = |name: &String| peers::ALL.iter().any(|one| one.name == name);
        let workload = |name: &String| workloads::ALL.iter().any(|(one, _)| one == name);
        (wishes.only.iter().all(contender) && wishes.workloads.iter().all(workload)).then_some(wishes)
    }

    pub fn usage() -> String {
        let contenders: Vec<_> = peers::ALL.iter().map(|contender| contender.name).collect();
        let workloads = workloads::ALL.map(|(name, _)| name);
        format!("[--quick] [--only={}] [{}]...", contenders.join(","), workloads.join("|"))
    }

    pub fn scale(&self) -> Scale {
        if self.quick { QUICK } else { FULL }
    }

    pub fn contenders(&self) -> Vec<&'static Contender> {
        let wanted = |one: &&Contender| {
            if self.only.is_empty() { one.usual } else { self.only.iter().any(|name| name == one.name) }
        };
        peers::ALL.iter().filter(wanted).collect()
    }

    pub fn has(&self, workload: &str) -> bool {
        if self.workloads.is_empty() { workload != CALLS } else { self.workloads.iter().any(|name| name == workload) }
    }
}
