//! Chance as the engine is allowed to see it: nonces, jitter, runner ids. Never tokens.

/// A source of random bytes.
///
/// 1. Bytes are unpredictable in production and reproducible from a seed in tests. (`seeded_is_reproducible`)
#[cfg_attr(feature = "testkit", mockall::automock)]
pub trait Random: Send + Sync {
    /// Fills a buffer.
    fn fill(&self, bytes: &mut [u8]);
}
