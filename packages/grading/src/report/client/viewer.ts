/**
 * The script inside `report.html`: pan and zoom, outlines in class colours, hover for one nucleus, class
 * toggles, task maps as layers. Runs from disk without a server; nothing leaves the computer.
 *
 * @module
 */
import type { ReportImage, ReportPayload } from "../payload.js";

const byId = <Element extends HTMLElement>(id: string): Element => {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the report has no element "${id}"`);
  return element as Element;
};
const readJson = <Value>(id: string): Value => JSON.parse(byId(id).textContent ?? "null") as Value;

const { classes, tasks } = readJson<ReportPayload>("payload");
const canvas = byId<HTMLCanvasElement>("view");
const context = canvas.getContext("2d")!;
const CELL = 128;

/** What is shown of the current image. */
interface Scene {
  readonly image: ReportImage;
  readonly picture: HTMLImageElement;
  readonly layers: readonly HTMLImageElement[];
  /** One outline per nucleus in image pixels. */
  readonly paths: readonly Path2D[];
  /** `[left, top, right, bottom]` per nucleus. */
  readonly boxes: readonly (readonly [number, number, number, number])[];
  /** Nuclei by grid cell, for the viewport and for hovering. */
  readonly cells: ReadonlyMap<number, readonly number[]>;
  readonly columns: number;
}

let scene: Scene | undefined;
let scale = 1;
let offsetX = 0;
let offsetY = 0;
let hovered = -1;
let pinned = -1;
let pending = false;
const shown = classes.map(() => true);
let outlines = true;
let layer = -1;
let safe = recall("renograde-safe-colours") === "1";

function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // some browsers refuse storage to files
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // the choice lasts as long as the page
  }
}

const colorOf = (type: number): string => {
  const c = classes[type - 1];
  return c === undefined ? "#9AA5AE" : safe ? c.safeColor : c.color;
};

function loadPicture(source: string): HTMLImageElement {
  const picture = new Image();
  picture.onload = requestDraw;
  picture.src = source;
  return picture;
}

function openImage(index: number): void {
  const image = readJson<ReportImage>(`image-${index}`);
  const columns = Math.max(1, Math.ceil(image.width / CELL));
  const cells = new Map<number, number[]>();
  const boxes: [number, number, number, number][] = [];
  const paths = image.nuclei.rings.map((rings, i) => {
    const path = new Path2D();
    const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const ring of rings) {
      let x = 0;
      let y = 0;
      for (let k = 0; k + 1 < ring.length; k += 2) {
        x += ring[k]!;
        y += ring[k + 1]!;
        if (k === 0) path.moveTo(x, y);
        else path.lineTo(x, y);
        box[0] = Math.min(box[0], x);
        box[1] = Math.min(box[1], y);
        box[2] = Math.max(box[2], x);
        box[3] = Math.max(box[3], y);
      }
      path.closePath();
    }
    boxes.push(box);
    for (let cy = Math.floor(box[1] / CELL); cy <= Math.floor(box[3] / CELL); cy++) {
      for (let cx = Math.floor(box[0] / CELL); cx <= Math.floor(box[2] / CELL); cx++) {
        const key = cy * (columns + 1) + cx;
        const cell = cells.get(key);
        if (cell) cell.push(i);
        else cells.set(key, [i]);
      }
    }
    return path;
  });
  hovered = -1;
  pinned = -1;
  scene = {
    image,
    picture: loadPicture(image.picture),
    layers: image.taskLayers.map(loadPicture),
    paths,
    boxes,
    cells,
    columns,
  };
  fit();
  showNucleus();
}

/** Nuclei whose boxes meet the rectangle, each once, in order. */
function nucleiIn(s: Scene, left: number, top: number, right: number, bottom: number): number[] {
  const found = new Set<number>();
  const last = Math.ceil(s.image.height / CELL);
  for (let cy = Math.max(0, Math.floor(top / CELL)); cy <= Math.min(last, Math.floor(bottom / CELL)); cy++) {
    for (
      let cx = Math.max(0, Math.floor(left / CELL));
      cx <= Math.min(s.columns, Math.floor(right / CELL));
      cx++
    ) {
      for (const i of s.cells.get(cy * (s.columns + 1) + cx) ?? []) found.add(i);
    }
  }
  return [...found].sort((a, b) => a - b);
}

function requestDraw(): void {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    draw();
  });
}

function draw(): void {
  if (scene === undefined) return;
  const s = scene;
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = "#0E1113";
  context.fillRect(0, 0, width, height);
  context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * offsetX, ratio * offsetY);
  context.imageSmoothingEnabled = scale < 2;
  if (s.picture.complete) context.drawImage(s.picture, 0, 0, s.image.width, s.image.height);
  const overlay = s.layers[layer];
  if (overlay?.complete) context.drawImage(overlay, 0, 0, s.image.width, s.image.height);
  drawNuclei(context, scale, s, [
    -offsetX / scale,
    -offsetY / scale,
    (width - offsetX) / scale,
    (height - offsetY) / scale,
  ]);
  drawScaleBar(s);
}

/** Draws the outlines that meet the rectangle; `zoom` is target pixels per image pixel, for line widths. */
function drawNuclei(
  target: CanvasRenderingContext2D,
  zoom: number,
  s: Scene,
  [left, top, right, bottom]: readonly [number, number, number, number],
): void {
  const { type } = s.image.nuclei;
  const visible = nucleiIn(s, left, top, right, bottom);
  // Far out, outlines of many thousands melt together and cost seconds: dots say the same.
  const dots = zoom < 0.35 && visible.length > 3000;
  for (const i of visible) {
    const t = type[i]!;
    if ((t > 0 && !shown[t - 1]) || (!outlines && i !== hovered && i !== pinned)) continue;
    const active = i === hovered || i === pinned;
    if (dots && !active) {
      target.fillStyle = colorOf(t);
      const r = 1.2 / zoom;
      target.fillRect(s.image.nuclei.x[i]! - r, s.image.nuclei.y[i]! - r, 2 * r, 2 * r);
      continue;
    }
    const path = s.paths[i]!;
    target.setLineDash(safe ? (classes[t - 1]?.dash ?? []).map((d) => d / zoom) : []);
    target.strokeStyle = "rgba(10,12,14,.75)";
    target.lineWidth = (active ? 4 : 2.5) / zoom;
    target.stroke(path);
    target.strokeStyle = colorOf(t);
    target.lineWidth = (active ? 3 : 1.5) / zoom;
    target.stroke(path);
    if (active) {
      target.fillStyle = `${colorOf(t)}33`;
      target.fill(path, "evenodd");
    }
  }
  target.setLineDash([]);
}

/** The whole image with outlines into the element that is printed. */
function drawForPrint(): void {
  if (scene === undefined) return;
  const paper = byId<HTMLCanvasElement>("printed");
  const zoom = Math.min(2000 / scene.image.width, 2600 / scene.image.height, 2);
  paper.width = Math.round(scene.image.width * zoom);
  paper.height = Math.round(scene.image.height * zoom);
  const target = paper.getContext("2d")!;
  target.scale(zoom, zoom);
  target.drawImage(scene.picture, 0, 0, scene.image.width, scene.image.height);
  drawNuclei(target, zoom, scene, [0, 0, scene.image.width, scene.image.height]);
}

function drawScaleBar(s: Scene): void {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
  const um = steps.findLast((step) => (step / s.image.mpp) * scale <= 140) ?? steps[0]!;
  byId("scale-text").textContent = `${um} µm`;
  byId("scale-bar").style.width = `${(um / s.image.mpp) * scale}px`;
}

function fit(): void {
  if (scene === undefined) return;
  const { width, height } = scene.image;
  scale = Math.min(canvas.clientWidth / width, canvas.clientHeight / height);
  offsetX = (canvas.clientWidth - width * scale) / 2;
  offsetY = (canvas.clientHeight - height * scale) / 2;
  requestDraw();
}

function zoomAt(x: number, y: number, factor: number): void {
  const next = Math.min(32, Math.max(0.01, scale * factor));
  offsetX = x - ((x - offsetX) / scale) * next;
  offsetY = y - ((y - offsetY) / scale) * next;
  scale = next;
  requestDraw();
}

function showRegion(x: number, y: number, width: number, height: number): void {
  scale = Math.min(8, 0.9 * Math.min(canvas.clientWidth / width, canvas.clientHeight / height));
  offsetX = canvas.clientWidth / 2 - (x + width / 2) * scale;
  offsetY = canvas.clientHeight / 2 - (y + height / 2) * scale;
  requestDraw();
}

/** The nucleus under a point of the canvas; the smallest where several overlap. */
function nucleusAt(clientX: number, clientY: number): number {
  if (scene === undefined) return -1;
  const x = (clientX - offsetX) / scale;
  const y = (clientY - offsetY) / scale;
  context.setTransform(1, 0, 0, 1, 0, 0);
  let best = -1;
  for (const i of nucleiIn(scene, x, y, x, y)) {
    const t = scene.image.nuclei.type[i]!;
    if (t > 0 && !shown[t - 1]) continue;
    const [left, top, right, bottom] = scene.boxes[i]!;
    if (
      x < left ||
      x > right ||
      y < top ||
      y > bottom ||
      !context.isPointInPath(scene.paths[i]!, x, y, "evenodd")
    )
      continue;
    if (best < 0 || scene.image.nuclei.areaUm2[i]! < scene.image.nuclei.areaUm2[best]!) best = i;
  }
  return best;
}

const element = (tag: string, className: string, text = ""): HTMLElement => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.textContent = text;
  return node;
};

function stackBar(
  title: string,
  labels: readonly string[],
  colors: readonly string[],
  shares: readonly number[],
): HTMLElement {
  const box = element("div", "task");
  const best = shares.indexOf(Math.max(...shares));
  const head = element("div", "name", title);
  head.append(element("span", "", `${labels[best] ?? ""} ${((shares[best] ?? 0) / 100).toFixed(2)}`));
  const stack = element("div", "stack");
  shares.forEach((share, i) => {
    const part = element("i", "");
    part.style.width = `${share}%`;
    part.style.background = colors[i] ?? "#888";
    part.title = `${labels[i]} ${(share / 100).toFixed(2)}`;
    stack.append(part);
  });
  box.append(head, stack);
  return box;
}

function showNucleus(): void {
  const panel = byId("nucleus");
  const i = hovered >= 0 ? hovered : pinned;
  if (scene === undefined || i < 0) {
    panel.replaceChildren(element("div", "help", "Point at a nucleus; click keeps it."));
    return;
  }
  const n = scene.image.nuclei;
  const c = classes[n.type[i]! - 1];
  const head = element("div", "big", `${c?.short ?? "no type"} ${n.typeProbability[i]!.toFixed(2)}`);
  head.style.borderLeft = `8px solid ${colorOf(n.type[i]!)}`;
  head.style.paddingLeft = "8px";
  const children: HTMLElement[] = [element("div", "help", `Nucleus ${n.id[i]!.toLocaleString("en")}`), head];
  const seen = n.tasks[i];
  if (seen !== undefined) {
    tasks.forEach((task, k) => {
      children.push(stackBar(task.title, task.labels, task.colors, seen[k as 0 | 1]));
    });
  }
  children.push(
    stackBar(
      "Together",
      classes.map((x) => x.short),
      classes.map((_, k) => colorOf(k + 1)),
      n.classes[i]!,
    ),
    element(
      "div",
      "",
      `${n.areaUm2[i]!.toFixed(1)} µm² · length ${n.majorAxisUm[i]!.toFixed(1)} µm · ecc ${n.eccentricity[i]!.toFixed(2)} · haematoxylin ${n.haematoxylin[i]!.toFixed(2)}`,
    ),
    element("div", "help", `at x ${Math.round(n.x[i]!)}, y ${Math.round(n.y[i]!)} px`),
  );
  panel.replaceChildren(...children);
}

function setLayer(next: number): void {
  layer = next;
  for (const input of document.querySelectorAll<HTMLInputElement>("input[name=layer]"))
    input.checked = Number(input.value) === next;
  requestDraw();
}

function setClass(index: number, on: boolean): void {
  shown[index] = on;
  byId<HTMLInputElement>(`class-${index}`).checked = on;
  requestDraw();
}

function setOutlines(on: boolean): void {
  outlines = on;
  byId<HTMLInputElement>("outlines").checked = on;
  requestDraw();
}

function setSafe(on: boolean): void {
  safe = on;
  remember("renograde-safe-colours", on ? "1" : "0");
  byId<HTMLInputElement>("safe").checked = on;
  for (const node of document.querySelectorAll<HTMLElement>("[data-class]")) {
    node.style.background = colorOf(Number(node.dataset.class));
  }
  showNucleus();
  requestDraw();
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
  const step = 60;
  const digit = Number(event.key);
  if (digit >= 1 && digit <= classes.length) setClass(digit - 1, !shown[digit - 1]);
  else if (event.key === "o" || event.key === "O") setOutlines(!outlines);
  else if (event.key === "h" || event.key === "H")
    setLayer(layer + 1 < tasks.length && scene?.layers.length ? layer + 1 : -1);
  else if (event.key === "+" || event.key === "=")
    zoomAt(canvas.clientWidth / 2, canvas.clientHeight / 2, 1.4);
  else if (event.key === "-") zoomAt(canvas.clientWidth / 2, canvas.clientHeight / 2, 1 / 1.4);
  else if (event.key === "0") fit();
  else if (event.target === canvas && event.key.startsWith("Arrow")) {
    offsetX += event.key === "ArrowLeft" ? step : event.key === "ArrowRight" ? -step : 0;
    offsetY += event.key === "ArrowUp" ? step : event.key === "ArrowDown" ? -step : 0;
    requestDraw();
  } else return;
  event.preventDefault();
}

function listen(): void {
  const pointers = new Map<number, { x: number; y: number }>();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) {
      const next = nucleusAt(event.offsetX, event.offsetY);
      if (next !== hovered) {
        hovered = next;
        showNucleus();
        requestDraw();
      }
      return;
    }
    const now = { x: event.offsetX, y: event.offsetY };
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (pointers.size === 1) {
      offsetX += now.x - before.x;
      offsetY += now.y - before.y;
    } else {
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const spread = (p: { x: number; y: number }): number => Math.hypot(p.x - other.x, p.y - other.y);
        zoomAt((now.x + other.x) / 2, (now.y + other.y) / 2, spread(now) / Math.max(1, spread(before)));
      }
    }
    pointers.set(event.pointerId, now);
    requestDraw();
  });
  const release = (event: PointerEvent): void => {
    if (pointers.delete(event.pointerId) && event.type === "pointerup" && moved < 4) {
      const hit = nucleusAt(event.offsetX, event.offsetY);
      pinned = hit === pinned ? -1 : hit;
      showNucleus();
      requestDraw();
    }
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    hovered = -1;
    showNucleus();
    requestDraw();
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoomAt(event.offsetX, event.offsetY, Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 250));
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (event) => zoomAt(event.offsetX, event.offsetY, 2));
  document.addEventListener("keydown", onKey);
  addEventListener("beforeprint", drawForPrint);
  new ResizeObserver(requestDraw).observe(canvas);
  byId("zoom-in").addEventListener("click", () =>
    zoomAt(canvas.clientWidth / 2, canvas.clientHeight / 2, 1.4),
  );
  byId("zoom-out").addEventListener("click", () =>
    zoomAt(canvas.clientWidth / 2, canvas.clientHeight / 2, 1 / 1.4),
  );
  byId("zoom-fit").addEventListener("click", fit);
  classes.forEach((_, i) => {
    const box = byId<HTMLInputElement>(`class-${i}`);
    box.addEventListener("change", () => setClass(i, box.checked));
  });
  const outlineBox = byId<HTMLInputElement>("outlines");
  outlineBox.addEventListener("change", () => setOutlines(outlineBox.checked));
  const safeBox = byId<HTMLInputElement>("safe");
  safeBox.addEventListener("change", () => setSafe(safeBox.checked));
  for (const input of document.querySelectorAll<HTMLInputElement>("input[name=layer]")) {
    input.addEventListener("change", () => setLayer(Number(input.value)));
  }
  const picker = document.getElementById("picker");
  if (picker instanceof HTMLSelectElement)
    picker.addEventListener("change", () => openImage(Number(picker.value)));
  for (const button of document.querySelectorAll<HTMLElement>("button[data-field]")) {
    button.addEventListener("click", () => {
      const [index = 0, x = 0, y = 0, width = 1, height = 1] = (button.dataset.field ?? "")
        .split(",")
        .map(Number);
      if (picker instanceof HTMLSelectElement && Number(picker.value) !== index) {
        picker.value = String(index);
        openImage(index);
      }
      showRegion(x, y, width, height);
      canvas.scrollIntoView({ block: "center" });
    });
  }
}

listen();
setSafe(safe);
openImage(0);
