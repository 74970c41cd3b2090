// The kernels for AVX2 with FMA: 32-byte vectors.  Compiled with -mavx2 -mfma; must not be called where has_avx2() is
// false.
#define TIDECAST_KERNELS avx2_kernels
#define TIDECAST_KERNELS_NAME "avx2"
#define TIDECAST_VECTOR_BYTES 32
#include "nn/kernels.inc"
