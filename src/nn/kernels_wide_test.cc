// The kernels with 64-byte vectors for any processor, by way of the compiler's own splitting: what AVX-512 computes,
// but for its instructions, can be tested where there is none.
#define TIDECAST_KERNELS wide_kernels
#define TIDECAST_KERNELS_NAME "wide"
#define TIDECAST_VECTOR_BYTES 64
#include "nn/kernels.inc"
