// The kernels for any processor: 16-byte vectors, which every 64-bit machine has (SSE2, NEON).
#define TIDECAST_KERNELS portable_kernels
#define TIDECAST_KERNELS_NAME "portable"
#define TIDECAST_VECTOR_BYTES 16
#include "nn/kernels.inc"
