/* How the program's allocator is set up.
 *
 * Records are made in one thread and freed in another. Left to itself, jemalloc gives each
 * of a dozen threads an arena of its own and keeps what was freed there for ten seconds.
 * Few arenas that give it back sooner bound what is kept; it costs no time that could be
 * measured.
 *
 * Here rather than in Rust, where this would be the only unsafe code.
 */
#ifdef __APPLE__
#define malloc_conf _rjem_malloc_conf
#endif

const char *malloc_conf = "narenas:4,dirty_decay_ms:1000,muzzy_decay_ms:0";
