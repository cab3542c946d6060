//! How fast this machine reads its memory and computes, by trying: some threads read and multiply for a fifth of a second.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use fearless_simd::{Level, Simd, SimdBase, dispatch, f32x8, u32x8};
use nix::time::{ClockId, clock_gettime};

use super::memory;
use super::processors::Processors;

/// How long memory is read, and how long numbers are multiplied.
const READING: Duration = Duration::from_millis(110);
const COMPUTING: Duration = Duration::from_millis(30);
/// What is read is so many times the last cache, so that it comes from memory.
const CACHES: u64 = 4;
/// Bytes that a thread reads, at least and at most. Virtual machines tell caches that are not theirs, or none.
const LEAST: u64 = 16 << 20;
const MOST: u64 = 64 << 20;
/// The part of the free memory that may be taken for it.
const OF_FREE: u64 = 8;
/// The part of the time for which a thread has a processor where nobody else computes, at least.
const ALONE: f64 = 0.8;
/// Numbers that a thread multiplies at once, and how often in one pass.
const LANES: usize = 48;
const STEPS: u32 = 4000;

/// What a machine manages, all threads together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Bytes a second that are read from memory.
    pub bandwidth: f64,
    /// Operations a second with numbers of 32 bits, as vectors as wide as the processor has.
    pub compute: f64,
    /// Whether others took the processors for a good part of the time.
    pub is_rough: bool,
}

/// Measures it with the threads of `processors`, within about 200 ms. What a quota takes away is taken off.
pub fn sweep(processors: &Processors) -> Pace {
    let threads = processors.threads();
    let words = words_for_each(processors.cache, threads, memory::free().map(|free| free.bytes));
    let start = Barrier::new(threads);
    let measured: Vec<(Passes, Passes)> = thread::scope(|scope| {
        let work = || {
            let values: Vec<u32> = (0..2 * words as u32).collect();
            start.wait();
            let read = passes(READING, words as f64 * 8.0, || black_box(sum(&values)));
            start.wait();
            let mut lanes = [1.0_f32; LANES];
            let operations = LANES as f64 * 2.0 * f64::from(STEPS);
            (read, passes(COMPUTING, operations, || multiply(black_box(&mut lanes))))
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let share = processors.share();
    Pace {
        bandwidth: measured.iter().map(|(read, _)| read.rate).sum::<f64>() * share,
        compute: measured.iter().map(|(_, computed)| computed.rate).sum::<f64>() * share * width(),
        is_rough: measured.iter().any(|(read, computed)| read.had.min(computed.had) < ALONE * share),
    }
}

/// Numbers of 64 bits that each of `threads` reads.
fn words_for_each(cache: Option<u64>, threads: usize, free: Option<u64>) -> usize {
    let threads = threads.max(1) as u64;
    let all = cache.unwrap_or(0).saturating_mul(CACHES) / threads;
    let most = free.map_or(MOST, |free| free / OF_FREE / threads);
    (all.clamp(LEAST, MOST).min(most) / 8).max(512) as usize
}

/// What a thread has managed.
#[derive(Clone, Copy, Default)]
struct Passes {
    /// So much in each pass, a second of the processor's: the upper tenth of the passes.
    rate: f64,
    /// The part of the time for which it had a processor.
    had: f64,
}

fn passes<T>(time: Duration, of_pass: f64, mut pass: impl FnMut() -> T) -> Passes {
    let (begin, had_before) = (Instant::now(), had());
    let mut rates = Vec::new();
    while begin.elapsed() < time || rates.is_empty() {
        let start = had();
        black_box(pass());
        rates.push(of_pass / had().saturating_sub(start).as_secs_f64().max(1e-9));
    }
    rates.sort_by(f64::total_cmp);
    let had = had().saturating_sub(had_before).as_secs_f64() / begin.elapsed().as_secs_f64().max(1e-9);
    Passes { rate: rates[rates.len() * 9 / 10], had }
}

/// How long this thread has had a processor: while others have it, nothing is measured.
fn had() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

// Vectors are written out, as an image's program is optimized for size and has none made of loops. They are the widest ones up
// to 256 bits that the processor has, whatever this program is built for.

fn sum(values: &[u32]) -> u32 {
    dispatch!(Level::new(), simd => sum_of(simd, values))
}

#[inline(always)]
fn sum_of<S: Simd>(simd: S, values: &[u32]) -> u32 {
    let mut sums = [u32x8::splat(simd, 0); 4];
    for chunk in values.as_chunks::<32>().0 {
        for (place, sum) in sums.iter_mut().enumerate() {
            *sum += u32x8::from_slice(simd, &chunk[8 * place..8 * place + 8]);
        }
    }
    let [a, b, c, d] = sums;
    ((a + b) + (c + d)).as_slice().iter().fold(0, |sum, value| sum.wrapping_add(*value))
}

fn multiply(lanes: &mut [f32; LANES]) {
    dispatch!(Level::new(), simd => multiply_all(simd, lanes));
}

#[inline(always)]
fn multiply_all<S: Simd>(simd: S, lanes: &mut [f32; LANES]) {
    let (factor, more) = (f32x8::splat(simd, 0.999), f32x8::splat(simd, 0.001));
    // A copy stays in registers.
    let mut own: [f32x8<S>; LANES / 8] =
        std::array::from_fn(|place| f32x8::from_slice(simd, &lanes[8 * place..8 * place + 8]));
    for _ in 0..STEPS {
        for lane in &mut own {
            *lane = *lane * factor + more;
        }
    }
    for (lane, place) in own.into_iter().zip(lanes.as_chunks_mut::<8>().0) {
        lane.store_slice(place);
    }
}

/// Operations that one of [`multiply`]'s stands for: llama.cpp has both of a step done at once, and of whole numbers a vector has
/// more.
fn width() -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        if Level::new().as_avx2().is_some() { 4.0 } else { 1.0 }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_does_not_fit_into_the_cache_nor_take_the_memory() {
        let mib = |cache, threads, free| (words_for_each(cache, threads, free) as u64 * 8) >> 20;
        let gib = 1_u64 << 30;
        for (cache, threads, free, expected) in [
            (Some(36 << 20), 2, Some(16 * gib), 64),
            (Some(8 << 20), 1, Some(16 * gib), 32),
            (Some(8 << 20), 4, Some(16 * gib), 16),
            // A cache that is told and can't be, and none.
            (Some(16 * gib), 2, Some(16 * gib), 64),
            (None, 2, None, 16),
            // A small container.
            (Some(36 << 20), 2, Some(256 << 20), 16),
            (Some(36 << 20), 1, Some(0), 0),
        ] {
            assert_eq!(mib(cache, threads, free), expected, "{cache:?} {threads} {free:?}");
        }
    }

    #[test]
    fn what_others_take_is_told_and_slows_nothing_down() {
        let own =
            Processors { name: String::new(), logical: 1, cores: 1, quota: None, nodes: 1, cache: None };
        let of = |pass: fn()| passes(Duration::from_millis(40), 1.0, pass);
        let work = || _ = black_box(sum(&vec![1; 1 << 12]));
        let waits = || {
            _ = black_box(sum(&vec![1; 1 << 12]));
            thread::sleep(Duration::from_millis(4));
        };
        let (alone, disturbed) = (of(work), of(waits));
        assert!(disturbed.had < ALONE && disturbed.had < alone.had, "{} {}", alone.had, disturbed.had);
        assert!(disturbed.rate > 300.0, "a wait of 4 ms is no part of a pass: {}", disturbed.rate);
        assert!(sweep(&own).bandwidth > 1e8);
    }

    #[test]
    fn a_quota_takes_its_part() {
        let whole =
            Processors { name: String::new(), logical: 1, cores: 1, quota: None, nodes: 1, cache: None };
        let (all, tenth) = (sweep(&whole), sweep(&Processors { quota: Some(0.1), ..whole.clone() }));
        assert!(all.bandwidth > 1e8 && all.compute > 1e8, "{all:?}");
        assert!(
            tenth.bandwidth < all.bandwidth / 2.0 && tenth.compute < all.compute / 2.0,
            "{tenth:?} {all:?}"
        );
    }
}
