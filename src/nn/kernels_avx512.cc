// The kernels for AVX-512: 64-byte vectors.  Compiled with the instruction sets that has_avx512() asks for; must not be
// called where it is false.
#define TIDECAST_KERNELS avx512_kernels
#define TIDECAST_KERNELS_NAME "avx512"
#define TIDECAST_VECTOR_BYTES 64
#include "nn/kernels.inc"
