//! Rules that are no chains of this node: another mode's text, and what two nodes do not share.

use std::collections::BTreeSet;
use std::rc::Rc;

use svclab_core::modes::Mode;
use svclab_netfilter::RuleSet;
use yew::prelude::*;

use crate::words::{self, Lang, Word};

/// At most so many lines are drawn.
const DRAWN: usize = 2_000;

#[derive(Properties, PartialEq)]
pub(super) struct WrittenProps {
    pub lang: Lang,
    pub mode: Mode,
    pub text: Rc<str>,
    pub search: Rc<str>,
}

/// What kube-proxy would write in another mode from the same objects.
#[component]
pub(super) fn Written(props: &WrittenProps) -> Html {
    let WrittenProps { lang, mode, text, search } = props;
    let search = search.trim().to_lowercase();
    let wanted = |line: &&str| search.is_empty() || line.to_lowercase().contains(&search);
    let lines: Vec<&str> = text.lines().filter(wanted).take(DRAWN).collect();
    html! {
        <div class="scroll written" tabindex="0" role="group" aria-label={lang.say(Word::Rules)}>
            <p class="mode">{ words::about_mode(*lang, *mode) }</p>
            <pre lang="en">{ lines.join("\n") }</pre>
        </div>
    }
}

#[derive(Properties)]
pub(super) struct ComparedProps {
    pub lang: Lang,
    pub names: [Option<Rc<str>>; 2],
    pub ours: Rc<RuleSet>,
    pub theirs: Rc<RuleSet>,
    pub search: Rc<str>,
}

impl PartialEq for ComparedProps {
    fn eq(&self, other: &ComparedProps) -> bool {
        Rc::ptr_eq(&self.ours, &other.ours)
            && Rc::ptr_eq(&self.theirs, &other.theirs)
            && (self.lang, &self.names, &self.search) == (other.lang, &other.names, &other.search)
    }
}

/// The rules that only one of two nodes has.
#[component]
pub(super) fn Compared(props: &ComparedProps) -> Html {
    let ComparedProps { lang, names, ours, theirs, search } = props;
    let search = search.trim().to_lowercase();
    let (ours, theirs) = (lines(ours), lines(theirs));
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        let those: BTreeSet<&String> = those.iter().collect();
        let new = these.iter().filter(|it| !those.contains(it));
        new.filter(|it| it.to_lowercase().contains(&search)).take(DRAWN).cloned().collect()
    };
    let sides = [only(&ours, &theirs), only(&theirs, &ours)];
    let shared = ours.len().saturating_sub(sides[0].len());
    html! {
        <div class="scroll compared" tabindex="0" role="group" aria-label={lang.say(Word::Rules)}>
            <p class="mode">{ words::shared_rules(*lang, shared) }</p>
            for (name, rules) in names.iter().flatten().zip(&sides) {
                <section key={&**name} aria-label={words::only_on(*lang, name, rules.len())}>
                    <h2>{ words::only_on(*lang, name, rules.len()) }</h2>
                    <ol>
                        for (index, rule) in rules.iter().enumerate() {
                            <li key={index}><code class="rule" lang="en">{ rule }</code></li>
                        }
                    </ol>
                </section>
            }
        </div>
    }
}

/// `-t nat -A KUBE-SERVICES …`, one line for each rule.
fn lines(rules: &RuleSet) -> Vec<String> {
    let mut res = Vec::new();
    for (table, content) in &rules.tables {
        for (chain, content) in content.chains.iter() {
            let rules = content.rules.iter();
            res.extend(rules.map(|rule| format!("-t {table} -A {chain} {rule}")));
        }
    }
    res
}
