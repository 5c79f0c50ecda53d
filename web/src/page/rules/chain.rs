use std::collections::BTreeSet;

use svclab_netfilter::{Chain, ChainName, Policy, Rule, RuleRef, TableName};
use yew::prelude::*;

use crate::state::Msg;
use crate::view::Shared;
use crate::words::{self, Lang, Word};

use super::super::rule::rule_text;

/// At most so many rules of a chain are drawn.
const DRAWN: usize = 2_000;

#[derive(Properties, PartialEq)]
pub(super) struct ChainViewProps {
    pub lang: Lang,
    pub table: TableName,
    pub chain: ChainName,
    pub content: Shared<Chain>,
    /// Which of its rules the last sync brought.
    pub added: BTreeSet<usize>,
    /// How many packets have met each of its rules; empty where none has.
    pub counts: Vec<u64>,
    /// Only rules with these words; None: all of them.
    pub found: Option<Vec<usize>>,
    pub chosen: Option<usize>,
    pub open: bool,
    pub send: Callback<Msg>,
}

/// A chain that opens and closes, with its rules.
#[component]
pub(super) fn ChainView(props: &ChainViewProps) -> Html {
    let ChainViewProps { lang, table, chain, content, added, counts, found, chosen, open, send } =
        props;
    let lang = *lang;
    let opened = use_state_eq(|| None::<bool>);
    let open = *open || !added.is_empty() || found.is_some();
    let shown = chosen.is_some() || opened.unwrap_or(open);
    let toggle = {
        let opened = opened.clone();
        move |_: MouseEvent| opened.set(Some(!shown))
    };
    let at = use_node_ref();
    use_effect_with(*chosen, {
        let at = at.clone();
        move |_| {
            if let Some(it) = at.cast::<web_sys::Element>()
                && let Ok(Some(outer)) = it.closest(".scroll")
            {
                crate::effects::reveal(&outer, &it);
                // Whoever comes here from another pane has left the focus there.
                if crate::effects::is_focus_lost() {
                    it.first_element_child().iter().for_each(crate::effects::focus_on);
                }
            }
        }
    });
    let policy = match content.policy {
        Some(Policy::Accept) => Some("ACCEPT"),
        Some(Policy::Drop) => Some("DROP"),
        None => None,
    };
    html! {
        <div class="chain-box">
            <button type="button" class="chain-name" aria-expanded={shown.to_string()} onclick={toggle}>
                <span class="turn" aria-hidden="true">{ "▸" }</span>
                <code>{ chain.as_str() }</code>
                if let Some(policy) = policy {
                    <small>{ format!("{} {policy}", lang.say(Word::Policy)) }</small>
                }
                <small class="many">{ content.rules.len() }</small>
                if !added.is_empty() {
                    <small class="plus">{ format!("+{}", added.len()) }</small>
                }
            </button>
            if shown {
                <ol>
                    for (index, rule) in drawn(content, found.as_deref()) {
                        <li key={index} ref={if *chosen == Some(index) { at.clone() } else { NodeRef::default() }}
                            class={classes!(added.contains(&index).then_some("added"))}>
                            <button type="button" class="rule-line" aria-pressed={(*chosen == Some(index)).to_string()}
                                    onclick={send.reform({
                                let place = RuleRef { table: *table, chain: *chain, index };
                                let off = *chosen == Some(index);
                                move |_| Msg::Rule((!off).then_some(place))
                            })}>
                                if added.contains(&index) {
                                    <span class="sign" aria-hidden="true">{ "+" }</span>
                                    <span class="unseen">{ lang.say(Word::NewRules) }{ " " }</span>
                                }
                                { rule_text(chain.as_str(), rule, None) }
                                if let Some(count) = counts.get(index).filter(|it| **it > 0) {
                                    <small class="packets" title={words::packets_met(lang, *count)}>
                                        <span class="unseen">{ words::packets_met(lang, *count) }</span>
                                        <span aria-hidden="true">{ count }</span>
                                    </small>
                                }
                            </button>
                        </li>
                    }
                </ol>
            }
        </div>
    }
}

/// The rules to draw, with their places in the chain.
fn drawn<'a>(chain: &'a Chain, found: Option<&[usize]>) -> Vec<(usize, &'a Rule)> {
    let rules = chain.rules.iter().enumerate();
    let wanted = |index: &usize| found.is_none_or(|found| found.contains(index));
    rules
        .map(|(index, rule)| (index, &**rule))
        .filter(|(index, _)| wanted(index))
        .take(DRAWN)
        .collect()
}
