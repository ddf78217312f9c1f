/* How glibc's allocator behaves in the program; a library has no say in it.
 *
 * Records are made in one thread and freed in another. Left to itself, glibc gives each of
 * a dozen threads an arena of its own and lets free memory pile up in all of them: three
 * times what is in use. Few arenas and fixed thresholds (which would grow with the largest
 * block that was ever freed) bound that. On two cores it costs no time that could be
 * measured.
 *
 * Here rather than in Rust, where this call would be the only unsafe code.
 */
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

__attribute__((constructor)) static void bound_memory(void) {
    mallopt(M_ARENA_MAX, 4);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 2 << 20);
}
#endif
