//! The calls of a round in their order, by their chunks.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use super::call::Call;
use crate::documents::bm25;
use crate::sandbox::JobManifest;

/// Writing a reply costs about as much time as reading this many characters.
const REPLY_COST: usize = 1000;

/// The most relevant chunks are leading, one in so many.
const ONE_IN: usize = 4;

/// The calls of a round in their order.
pub(super) struct Order {
    /// The calls on each chunk.
    pub groups: VecDeque<VecDeque<Call>>,
    /// The jobs on the chunks that share most words with what is asked.
    pub leading: HashSet<usize>,
}

/// Groups the calls that share a chunk. A group that takes far longer than others comes first, so that it does not end
/// last; then those that probably hold what is asked for, so that their answers are there early.
pub(super) fn order(manifests: &[JobManifest], samples: u32) -> Order {
    let mut groups: Vec<(usize, VecDeque<Call>)> = Vec::new();
    let mut group_of_chunk = HashMap::new();
    for (job, manifest) in manifests.iter().enumerate() {
        let group = *group_of_chunk.entry(&*manifest.chunk).or_insert_with(|| {
            groups.push((manifest.chunk.len(), VecDeque::new()));
            groups.len() - 1
        });
        let (cost, calls) = &mut groups[group];
        *cost += samples as usize * REPLY_COST + manifest.task.len() + manifest.advice.len();
        calls.extend((0..samples).map(|sample| Call { job, sample }));
    }
    let much = 2 * groups.iter().map(|(cost, _)| cost).sum::<usize>() / groups.len().max(1);
    let mut groups: Vec<_> = relevance(manifests, &groups).into_iter().zip(groups).collect();
    groups.sort_by(|(one_score, (one, _)), (other_score, (other, _))| {
        let is_long = (*other > much).cmp(&(*one > much));
        is_long.then(other_score.total_cmp(one_score)).then(other.cmp(one))
    });
    let mut ranked: Vec<_> = groups.iter().filter(|(score, _)| *score > 0.0).collect();
    ranked.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    ranked.truncate(groups.len().div_ceil(ONE_IN));
    let leading = ranked.into_iter().flat_map(|(_, (_, calls))| calls).map(|call| call.job).collect();
    Order { groups: groups.into_iter().map(|(_, (_, calls))| calls).collect(), leading }
}

/// How much the chunk of each group has in common with what is asked, by its words.
fn relevance(manifests: &[JobManifest], groups: &[(usize, VecDeque<Call>)]) -> Vec<f32> {
    let tasks: BTreeSet<&str> = manifests.iter().map(|manifest| &*manifest.task).collect();
    let queries: Vec<_> = tasks.into_iter().map(|task| (task.to_owned(), 1.0)).collect();
    let chunks: Vec<&str> = groups.iter().map(|(_, calls)| &*manifests[calls[0].job].chunk).collect();
    bm25(&queries, &chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chunks_that_share_most_words_with_the_task_are_leading() {
        let of = |chunks: &[&str]| {
            let jobs = chunks
                .iter()
                .flat_map(|chunk| ["Where lay the Aurora?", "Where?"].map(|task| (*chunk, task)))
                .map(|(chunk, task)| JobManifest {
                    chunk: chunk.into(),
                    task: task.into(),
                    ..JobManifest::default()
                });
            let mut leading: Vec<_> = order(&jobs.collect::<Vec<_>>(), 1).leading.into_iter().collect();
            leading.sort_unstable();
            leading
        };
        assert_eq!(of(&["a", "b", "the Aurora", "d", "Aurora lay", "f", "g", "h"]), [4, 5, 8, 9]);
        assert_eq!(of(&["a", "b", "c", "Aurora", "e"]), [6, 7], "two of five, but one has a word");
        assert_eq!(of(&["a", "b", "c", "d"]), [0; 0]);
    }
}
