//! Ranks chunks for queries: by words (BM25), or by the vectors of an embedding model.

use bm25::{Embedder, EmbedderBuilder, Scorer, Tokenizer};
use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

/// A query and its weight.
pub type Query = (String, f32);

/// The indices of the `k` chunks with the highest BM25 scores, in the order of the chunks. A chunk that shares no word
/// with the queries is left out.
pub fn bm25_top_k(queries: &[Query], chunks: &[impl AsRef<str>], k: usize) -> Vec<usize> {
    let scores = bm25(queries, chunks);
    top_k(&scores, k).into_iter().filter(|&position| scores[position] > 0.0).collect()
}

/// The BM25 score of each chunk, 0 where it shares no word with the queries.
pub fn bm25(queries: &[Query], chunks: &[impl AsRef<str>]) -> Vec<f32> {
    let corpus: Vec<&str> = chunks.iter().map(AsRef::as_ref).collect();
    let embedder: Embedder<u32, Words> =
        EmbedderBuilder::with_tokenizer_and_fit_to_corpus(Words::default(), &corpus).build();
    let mut scorer = Scorer::<usize>::new();
    for (position, chunk) in corpus.iter().enumerate() {
        scorer.upsert(&position, embedder.embed(chunk));
    }
    let mut scores = vec![0.0; chunks.len()];
    for (query, weight) in queries {
        for found in scorer.matches(&embedder.embed(query)) {
            scores[found.id] += found.score * weight;
        }
    }
    scores
}

/// The indices of the `k` chunks whose vectors have the smallest angle to those of the queries, in order.
pub fn vector_top_k(queries: &[(Vec<f32>, f32)], chunks: &[Vec<f32>], k: usize) -> Vec<usize> {
    let score = |chunk: &Vec<f32>| queries.iter().map(|(query, weight)| cosine(query, chunk) * weight).sum();
    top_k(&chunks.iter().map(score).collect::<Vec<f32>>(), k)
}

fn top_k(scores: &[f32], k: usize) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..scores.len()).collect();
    // The sort is stable, so the first of equal chunks wins.
    positions.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    positions.truncate(k);
    positions.sort_unstable();
    positions
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 { dot(a, b) / length } else { 0.0 }
}

/// The words of a text by the rules of Unicode, in lower case, English words as stems. Each Chinese or Japanese
/// character is a word.
struct Words(Stemmer);

impl Default for Words {
    fn default() -> Self {
        Self(Stemmer::create(Algorithm::English))
    }
}

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        text.unicode_words().map(|word| self.0.stem(&word.to_lowercase()).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: [&str; 20] = [
        "The operating margin fell to 12.3 percent in 2023 because freight rates collapsed.",
        "Revenue rose by eight percent, driven by container volumes out of Asia.",
        "The board proposes a dividend of 1.20 euros for each share.",
        "Crude oil prices weighed on fuel costs; bunker expenses doubled.",
        "The vessel Aurora ran aground off Brest and was towed by two tugs.",
        "Employees: 14,200 at the end of the year, of whom 3,100 work at sea.",
        "A provision of 40 million was made for the lawsuit about price fixing.",
        "Emissions of carbon dioxide per ton and mile went down by six percent.",
        "The chief executive, Maria Lindqvist, resigned in October for reasons of health.",
        "Net debt was reduced to 900 million after the sale of the terminal in Rotterdam.",
        "Auditors gave an unqualified opinion on the consolidated statements.",
        "A cyber attack stopped the booking system for three days in May.",
        "Die Gesellschaft hat im Jahr 2023 zwölf neue Schiffe bestellt.",
        "Le siège social de la société se trouve à Marseille depuis 1921.",
        "Компания открыла новый склад в порту Владивостока.",
        "東京の支店は二〇二三年に閉鎖された。",
        "Insurance premiums for the passage through the Red Sea were ten times higher.",
        "The pension fund is underfunded by 75 million at a discount rate of 3.4 percent.",
        "Research spending went into engines that burn ammonia and methanol.",
        "Shareholders with more than five percent: the Hansen family and a sovereign fund.",
    ];

    /// A query for each chunk of the library, in its order.
    const QUERIES: [&str; 20] = [
        "operating margins",
        "container volume Asia revenue",
        "dividends per share",
        "cost of bunker fuel",
        "grounding of the Aurora",
        "number of employees at sea",
        "provisions for lawsuits",
        "carbon emissions",
        "why did the chief executive resign",
        "sale of a terminal, net debt",
        "opinion of the auditor",
        "cyber attacks on booking systems",
        "neue Schiffe bestellt",
        "siège social Marseille",
        "склад Владивостока",
        "東京の支店",
        "insurance premium Red Sea",
        "pension underfunded discount rate",
        "ammonia engine research",
        "large shareholders Hansen",
    ];

    fn library() -> Vec<String> {
        LIBRARY.map(str::to_owned).into()
    }

    #[test]
    fn each_query_finds_its_chunk_first() {
        for (expected, query) in QUERIES.iter().enumerate() {
            let found = bm25_top_k(&[((*query).to_owned(), 1.0)], &library(), 1);
            assert_eq!(found, [expected], "{query}");
        }
    }

    #[test]
    fn weights_decide_and_order_is_that_of_the_document() {
        let queries =
            |dividend: f32, aurora: f32| [("dividend".to_owned(), dividend), ("Aurora".to_owned(), aurora)];
        assert_eq!(bm25_top_k(&queries(1.0, 5.0), &library(), 1), [4]);
        assert_eq!(bm25_top_k(&queries(5.0, 1.0), &library(), 1), [2]);
        assert_eq!(bm25_top_k(&queries(1.0, 5.0), &library(), 9), [2, 4]);
        assert_eq!(bm25_top_k(&[("zeppelin".into(), 1.0)], &library(), 5), [0; 0]);
        assert_eq!(bm25_top_k(&[("a".into(), 1.0)], &[""; 0], 5), [0; 0]);
        assert_eq!(bm25_top_k(&[], &library(), 5), [0; 0]);
        assert_eq!(bm25_top_k(&queries(1.0, 1.0), &library(), 0), [0; 0]);
    }

    #[test]
    fn words_are_scored_not_characters() {
        let chunks = ["xylophones and zithers".to_owned(), "margin margin".to_owned()];
        assert_eq!(bm25_top_k(&[("margin".into(), 1.0)], &chunks, 1), [1]);
        assert_eq!(bm25_top_k(&[("arg".into(), 1.0)], &chunks, 2), [0; 0]);
    }

    #[test]
    fn vectors_are_compared_by_their_angle() {
        let chunks = [vec![9.0, 0.0], vec![0.0, 0.1], vec![1.0, 1.0], vec![0.0, 0.0]];
        assert_eq!(vector_top_k(&[(vec![0.0, 1.0], 1.0)], &chunks, 2), [1, 2]);
        let both = |second| [(vec![0.0, 1.0], 1.0), (vec![1.0, 0.0], second)];
        assert_eq!(vector_top_k(&both(1.0), &chunks, 1), [2]);
        assert_eq!(vector_top_k(&both(3.0), &chunks, 1), [0]);
        assert_eq!(vector_top_k(&[(vec![1.0, 0.0], 1.0)], &[], 2), [0; 0]);
    }
}
