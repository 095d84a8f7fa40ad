// SIMD pixel kernels on planar float images, values in [0, 1].
//
// An image is three planes (R, G, B), `plane` bytes apart, rows without padding. Every plane ends in at least 16 bytes of slack,
// so that loops may run over the last pixel in steps of four. All addresses and sizes in bytes, unless named otherwise; the host
// side is src/kernel/wasm-kernel.ts. No relaxed SIMD: results are the same on every machine.

@inline function clamp01(v: v128): v128 {
  return f32x4.min(f32x4.max(v, f32x4.splat(0)), f32x4.splat(1));
}

/** Luminance with the weights of torchvision's tensor operations. */
@inline function luma(r: v128, g: v128, b: v128): v128 {
  return f32x4.add(
    f32x4.add(f32x4.mul(r, f32x4.splat(0.2989)), f32x4.mul(g, f32x4.splat(0.587))),
    f32x4.mul(b, f32x4.splat(0.114)),
  );
}

/** Interleaved RGB bytes → planes of v / 255. */
export function load(source: usize, pixels: i32, planes: usize, plane: usize): void {
  for (let i = 0; i < pixels; i++) {
    const from = source + i * 3;
    const to = planes + (i << 2);
    store<f32>(to, <f32>load_u8(from) / 255);
    store<f32>(to + plane, <f32>load_u8(from + 1) / 255);
    store<f32>(to + 2 * plane, <f32>load_u8(from + 2) / 255);
  }
}

@inline function load_u8(address: usize): u32 {
  return <u32>i32.load8_u(address);
}

/** One weighted sum of source pixels (interleaved floats in `row`): lanes 0 to 2 are R, G, B. `spans` holds (first, count) pairs. */
@inline function horizontal(row: usize, spans: usize, weights: usize, taps: i32, x: i32): v128 {
  const count = i32.load(spans + (x << 3), 4);
  const w = weights + ((x * taps) << 2);
  let at = row + <usize>i32.load(spans + (x << 3)) * 12;
  let sum = f32x4.splat(0);
  for (let t = 0; t < count; t++, at += 12) {
    sum = f32x4.add(sum, f32x4.mul(v128.load(at), v128.load32_splat(w + (t << 2))));
  }
  return sum;
}

/** The horizontal pass of one output row: `row` → row `y` of the planes. */
@inline function outputRow(
  row: usize, width: i32, spans: usize, weights: usize, taps: i32, out: usize, plane: usize,
): void {
  for (let x = 0; x < width; x += 4) {
    const p0 = horizontal(row, spans, weights, taps, x);
    const p1 = horizontal(row, spans, weights, taps, x + 1);
    const p2 = horizontal(row, spans, weights, taps, x + 2);
    const p3 = horizontal(row, spans, weights, taps, x + 3);
    const rg01 = v128.shuffle<i32>(p0, p1, 0, 4, 1, 5);
    const rg23 = v128.shuffle<i32>(p2, p3, 0, 4, 1, 5);
    const b01 = v128.shuffle<i32>(p0, p1, 2, 6, 3, 7);
    const b23 = v128.shuffle<i32>(p2, p3, 2, 6, 3, 7);
    const to = out + (x << 2);
    v128.store(to, v128.shuffle<i64>(rg01, rg23, 0, 2));
    v128.store(to + plane, v128.shuffle<i64>(rg01, rg23, 1, 3));
    v128.store(to + 2 * plane, v128.shuffle<i64>(b01, b23, 0, 2));
  }
}

/**
 * Antialiased resize of a box of RGB bytes: `source` is the box's first byte, rows `stride` bytes apart, `boxWidth` pixels wide.
 * The vertical weights hold the factor 1/255.
 */
export function resizeBytes(
  source: usize, stride: i32, boxWidth: i32, width: i32, height: i32,
  rowSpans: usize, rowWeights: usize, rowTaps: i32, spans: usize, weights: usize, taps: i32,
  row: usize, out: usize, plane: usize,
): void {
  for (let y = 0; y < height; y++) {
    const count = i32.load(rowSpans + (y << 3), 4);
    const w = rowWeights + ((y * rowTaps) << 2);
    const first = source + i32.load(rowSpans + (y << 3)) * stride;
    for (let i = 0; i < boxWidth * 3; i += 8) {
      let low = f32x4.splat(0);
      let high = f32x4.splat(0);
      let at = first + i;
      for (let t = 0; t < count; t++, at += stride) {
        const factor = v128.load32_splat(w + (t << 2));
        const wide = i16x8.extend_low_i8x16_u(v128.load64_zero(at));
        low = f32x4.add(low, f32x4.mul(factor, f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(wide))));
        high = f32x4.add(high, f32x4.mul(factor, f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(wide))));
      }
      v128.store(row + (i << 2), low);
      v128.store(row + (i << 2), high, 16);
    }
    outputRow(row, width, spans, weights, taps, out + ((y * width) << 2), plane);
  }
}

/** The same for a box of float planes: `source` is the box's first pixel, rows `stride` bytes apart, planes `sourcePlane` apart. */
export function resizePlanes(
  source: usize, sourcePlane: usize, stride: i32, boxWidth: i32, width: i32, height: i32,
  rowSpans: usize, rowWeights: usize, rowTaps: i32, spans: usize, weights: usize, taps: i32,
  row: usize, out: usize, plane: usize,
): void {
  for (let y = 0; y < height; y++) {
    const count = i32.load(rowSpans + (y << 3), 4);
    const w = rowWeights + ((y * rowTaps) << 2);
    const first = source + i32.load(rowSpans + (y << 3)) * stride;
    for (let c = 0; c < 3; c++) {
      for (let x = 0; x < boxWidth; x += 4) {
        let sum = f32x4.splat(0);
        let at = first + c * sourcePlane + (x << 2);
        for (let t = 0; t < count; t++, at += stride) {
          sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(w + (t << 2)), v128.load(at)));
        }
        const to = row + x * 12 + (c << 2);
        f32.store(to, f32x4.extract_lane(sum, 0));
        f32.store(to, f32x4.extract_lane(sum, 1), 12);
        f32.store(to, f32x4.extract_lane(sum, 2), 24);
        f32.store(to, f32x4.extract_lane(sum, 3), 36);
      }
    }
    outputRow(row, width, spans, weights, taps, out + ((y * width) << 2), plane);
  }
}

/** Clamps to [0, 1]: bicubic weights overshoot. */
export function clamp(planes: usize, plane: usize): void {
  for (let i: usize = 0; i < 3 * plane; i += 16) v128.store(planes + i, clamp01(v128.load(planes + i)));
}

export function brightness(planes: usize, plane: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let i: usize = 0; i < 3 * plane; i += 16) v128.store(planes + i, clamp01(f32x4.mul(v128.load(planes + i), f)));
}

/** Mean luminance; sums of at most 1024 pixels in float32, the rest in float64. */
function meanLuma(planes: usize, plane: usize, pixels: i32): f64 {
  let total: f64 = 0;
  let i = 0;
  const whole = pixels & ~3;
  while (i < whole) {
    const end = min(i + 1024, whole);
    let sum = f32x4.splat(0);
    for (; i < end; i += 4) {
      const at = planes + (i << 2);
      sum = f32x4.add(sum, luma(v128.load(at), v128.load(at + plane), v128.load(at + 2 * plane)));
    }
    total += <f64>(f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1));
    total += <f64>(f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3));
  }
  for (; i < pixels; i++) {
    const at = planes + (i << 2);
    total += <f64>(<f32>0.2989 * f32.load(at) + <f32>0.587 * f32.load(at + plane) + <f32>0.114 * f32.load(at + 2 * plane));
  }
  return total / <f64>pixels;
}

export function contrast(planes: usize, plane: usize, pixels: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  const offset = f32x4.splat(<f32>(meanLuma(planes, plane, pixels) * <f64>(1 - factor)));
  for (let i: usize = 0; i < 3 * plane; i += 16) {
    v128.store(planes + i, clamp01(f32x4.add(f32x4.mul(v128.load(planes + i), f), offset)));
  }
}

export function saturation(planes: usize, plane: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  const rest = f32x4.splat(1 - factor);
  for (let at = planes; at < planes + plane; at += 16) {
    const r = v128.load(at);
    const g = v128.load(at + plane);
    const b = v128.load(at + 2 * plane);
    const grey = f32x4.mul(luma(r, g, b), rest);
    v128.store(at, clamp01(f32x4.add(f32x4.mul(r, f), grey)));
    v128.store(at + plane, clamp01(f32x4.add(f32x4.mul(g, f), grey)));
    v128.store(at + 2 * plane, clamp01(f32x4.add(f32x4.mul(b, f), grey)));
  }
}

/** HSV → one channel: v − c·clamp(min(k, 4 − k)) with k = (offset + h) mod 6, where h is the hue in sixths of a turn. */
@inline function hueChannel(h: v128, offset: f32, v: v128, c: v128): v128 {
  let k = f32x4.add(h, f32x4.splat(offset));
  k = f32x4.sub(k, f32x4.mul(f32x4.splat(6), f32x4.floor(f32x4.mul(k, f32x4.splat(1.0 / 6.0)))));
  return f32x4.sub(v, f32x4.mul(c, clamp01(f32x4.min(k, f32x4.sub(f32x4.splat(4), k)))));
}

/** Turns the hue by `shift` turns. */
export function hue(planes: usize, plane: usize, shift: f32): void {
  const sixths = f32x4.splat(shift * 6);
  for (let at = planes; at < planes + plane; at += 16) {
    const r = v128.load(at);
    const g = v128.load(at + plane);
    const b = v128.load(at + 2 * plane);
    const v = f32x4.max(f32x4.max(r, g), b);
    const c = f32x4.sub(v, f32x4.min(f32x4.min(r, g), b));
    const inverse = f32x4.div(f32x4.splat(1), f32x4.max(c, f32x4.splat(1e-20)));
    const red = f32x4.mul(f32x4.sub(g, b), inverse);
    const green = f32x4.add(f32x4.splat(2), f32x4.mul(f32x4.sub(b, r), inverse));
    const blue = f32x4.add(f32x4.splat(4), f32x4.mul(f32x4.sub(r, g), inverse));
    const other = v128.bitselect(green, blue, f32x4.eq(v, g));
    const h = f32x4.add(v128.bitselect(red, other, f32x4.eq(v, r)), sixths);
    v128.store(at, hueChannel(h, 5, v, c));
    v128.store(at + plane, hueChannel(h, 3, v, c));
    v128.store(at + 2 * plane, hueChannel(h, 1, v, c));
  }
}

export function grayscale(planes: usize, plane: usize): void {
  for (let at = planes; at < planes + plane; at += 16) {
    const grey = luma(v128.load(at), v128.load(at + plane), v128.load(at + 2 * plane));
    v128.store(at, grey);
    v128.store(at + plane, grey);
    v128.store(at + 2 * plane, grey);
  }
}

export function solarize(planes: usize, plane: usize, threshold: f32): void {
  const t = f32x4.splat(threshold);
  for (let i: usize = 0; i < 3 * plane; i += 16) {
    const v = v128.load(planes + i);
    v128.store(planes + i, v128.bitselect(f32x4.sub(f32x4.splat(1), v), v, f32x4.ge(v, t)));
  }
}

/**
 * Separable symmetric blur with reflected borders: `weights[0]` is the centre, `weights[i]` the weight i pixels away, i ≤ radius < min side.
 * `scratch` holds three planes, `line` one padded row.
 */
export function blur(
  planes: usize, plane: usize, width: i32, height: i32, weights: usize, radius: i32, scratch: usize, line: usize,
): void {
  for (let c = 0; c < 3; c++) {
    blurRows(planes + c * plane, scratch + c * plane, width, height, weights, radius, line);
    blurColumns(scratch + c * plane, planes + c * plane, width, height, weights, radius);
  }
}

function blurRows(
  from: usize, to: usize, width: i32, height: i32, weights: usize, radius: i32, line: usize,
): void {
  const bytes = width << 2;
  const start = line + (radius << 2);
  const last = start + bytes - 4;
  const centre = v128.load32_splat(weights);
  for (let y = 0; y < height; y++) {
    const row = from + y * bytes;
    memory.copy(start, row, bytes);
    for (let i = 4; i <= radius << 2; i += 4) {
      f32.store(start - i, f32.load(start + i));
      f32.store(last + i, f32.load(last - i));
    }
    for (let x = 0; x < bytes; x += 16) {
      const at = start + x;
      let sum = f32x4.mul(v128.load(at), centre);
      for (let i = 4; i <= radius << 2; i += 4) {
        sum = f32x4.add(sum, f32x4.mul(f32x4.add(v128.load(at - i), v128.load(at + i)), v128.load32_splat(weights + i)));
      }
      v128.store(to + y * bytes + x, sum);
    }
  }
}

function blurColumns(
  from: usize, to: usize, width: i32, height: i32, weights: usize, radius: i32,
): void {
  const bytes = width << 2;
  const centre = v128.load32_splat(weights);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < bytes; x += 16) {
      let sum = f32x4.mul(v128.load(from + y * bytes + x), centre);
      for (let i = 1; i <= radius; i++) {
        const above = abs(y - i);
        const below = y + i < height ? y + i : 2 * (height - 1) - y - i;
        const pair = f32x4.add(v128.load(from + above * bytes + x), v128.load(from + below * bytes + x));
        sum = f32x4.add(sum, f32x4.mul(pair, v128.load32_splat(weights + (i << 2))));
      }
      v128.store(to + y * bytes + x, sum);
    }
  }
}

/** Planes → interleaved v·scale + shift per channel. `constants`: three scales, then three shifts. Four pixels give twelve floats. */
export function normalize(planes: usize, plane: usize, pixels: i32, constants: usize, out: usize): void {
  const s0 = v128.load32_splat(constants);
  const s1 = v128.load32_splat(constants + 4);
  const s2 = v128.load32_splat(constants + 8);
  const d0 = v128.load32_splat(constants + 12);
  const d1 = v128.load32_splat(constants + 16);
  const d2 = v128.load32_splat(constants + 20);
  for (let i = 0; i < pixels; i += 4) {
    const at = planes + (i << 2);
    const to = out + i * 12;
    const r = f32x4.add(f32x4.mul(v128.load(at), s0), d0);
    const g = f32x4.add(f32x4.mul(v128.load(at + plane), s1), d1);
    const b = f32x4.add(f32x4.mul(v128.load(at + 2 * plane), s2), d2);
    const rg = v128.shuffle<i32>(r, g, 0, 4, 1, 5); // r0 g0 r1 g1
    const rg23 = v128.shuffle<i32>(r, g, 2, 6, 3, 7); // r2 g2 r3 g3
    const gb = v128.shuffle<i32>(g, b, 1, 5, 3, 7); // g1 b1 g3 b3
    v128.store(to, v128.shuffle<i32>(v128.shuffle<i32>(rg, b, 0, 1, 4, 4), rg, 0, 1, 2, 6)); // r0 g0 b0 r1
    v128.store(to, v128.shuffle<i64>(gb, rg23, 0, 2), 16); // g1 b1 r2 g2
    v128.store(to, v128.shuffle<i32>(v128.shuffle<i32>(b, rg23, 2, 6, 6, 6), gb, 0, 1, 6, 7), 32); // b2 r3 g3 b3
  }
}
