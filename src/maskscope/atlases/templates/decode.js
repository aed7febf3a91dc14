// From the text of the file to bits and numbers.

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

async function inflated(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Bits, eight a byte, least significant first; whole words, so that they can be counted four bytes at a time.
async function bitsOf(form, text, count) {
  const found = await inflated(text);
  const bits = new Uint8Array(4 * Math.ceil(count / 32));
  if (form === "bits") {
    bits.set(found);
    return bits;
  }
  let place = 0;
  for (let i = 0; i < found.length; i++) {
    place += found[i];
    if (found[i] === 255) continue;
    bits[place >> 3] |= 1 << (place & 7);
    place++;
  }
  return bits;
}

// float16, of which the high bytes come first.
async function numbersOf(text, count) {
  const bytes = await inflated(text), numbers = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const high = bytes[i], exponent = (high >> 2) & 31, fraction = ((high & 3) << 8) | bytes[count + i];
    const size = exponent === 31 ? (fraction ? NaN : Infinity)
      : exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    numbers[i] = high & 128 ? -size : size;
  }
  return numbers;
}

async function readAtlas() {
  const atlas = JSON.parse(document.getElementById("content").textContent);
  const lines = document.getElementById("data").textContent.split("\n");
  let line = 0;
  for (const tensor of atlas.tensors) {
    const count = tensor.sheet.count;
    tensor.bits = await Promise.all(atlas.masks.map((_, i) => bitsOf(tensor.forms[i], lines[line + i], count)));
    line += atlas.masks.length;
    tensor.values = atlas.values ? await numbersOf(lines[line++], count) : null;
    tensor.uses = new Map();
  }
  document.getElementById("data").textContent = "";  // megabytes that are not needed any more
  return atlas;
}
