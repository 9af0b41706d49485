// Measures the machine's fp32 multiply-add peak: independent fused multiply-adds on registers, as wide as the
// processor allows, on N threads. Prints GMAC/s.   c++ -O2 -march=native -pthread fma-peak.cc && ./a.out 2
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>
#include <immintrin.h>

#if defined(__AVX512F__)
using Vec = __m512;
constexpr int lanes = 16;
static inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline Vec set1(float v) { return _mm512_set1_ps(v); }
static inline float first(Vec v) { return _mm512_cvtss_f32(v); }
#else
using Vec = __m256;
constexpr int lanes = 8;
static inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline Vec set1(float v) { return _mm256_set1_ps(v); }
static inline float first(Vec v) { return _mm256_cvtss_f32(v); }
#endif

static double sink = 0;

// Twelve accumulators hide the latency of two FMA units.
static void work(long rounds, double* out) {
  Vec a[12];
  for (int i = 0; i < 12; i++) a[i] = set1(1.0f + i);
  const Vec m = set1(0.999999f), c = set1(1e-6f);
  for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) a[i] = fma(a[i], m, c);
  }
  for (int i = 0; i < 12; i++) *out += first(a[i]);
}

static double measure(int threads, long rounds) {
  std::vector<double> results(threads);
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; t++) pool.emplace_back(work, rounds, &results[t]);
  for (auto& t : pool) t.join();
  const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (double r : results) sink += r;
  return 12.0 * lanes * rounds * threads / s / 1e9;
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  measure(threads, 20'000'000);
  double best = 0;
  for (int i = 0; i < 5; i++) { const double g = measure(threads, 40'000'000); if (g > best) best = g; }
  std::printf("{\"threads\":%d,\"lanes\":%d,\"gmacPerSecond\":%.2f}\n", threads, lanes, best);
  return sink == 12345.678 ? 1 : 0;
}
