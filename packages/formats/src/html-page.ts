/**
 * The frame of self-contained pages that training and evaluation write: one file that opens from disk, in both
 * themes, on paper.
 *
 * @module
 */

const STYLE = `
:root{color-scheme:light dark;--page:#fff;--panel:#F5F7F8;--raised:#E9EDF0;--text:#14181B;--dim:#56616B;--line:#D5DBE0;--accent:#3B82C4}
@media (prefers-color-scheme:dark){:root{--page:#0E1113;--panel:#171B1F;--raised:#232930;--text:#E7EBEE;--dim:#9AA5AE;--line:#2C333A;--accent:#6FB1E8}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:13px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
header{padding:12px 16px 8px;border-bottom:1px solid var(--line)}
h1{font-size:13px;font-weight:600;margin:0;display:flex;gap:12px;flex-wrap:wrap}
h1 .ruo{margin-left:auto;color:var(--dim);font-weight:400}
.verdict{font-size:20px;line-height:1.3;margin:6px 0 2px}
.facts,figcaption,.note{color:var(--dim);font-size:11px}
.caution{margin-top:6px;padding:4px 8px;border-left:3px solid #D98A00;background:var(--panel)}
.progress{height:2px;margin:6px 0 0;background:var(--line)}
.progress i{display:block;height:100%;background:var(--accent);print-color-adjust:exact;-webkit-print-color-adjust:exact}
main{padding:8px 16px 32px}
section{margin-top:24px}
h2{font-size:13px;margin:0 0 8px;border-bottom:1px solid var(--line);padding-bottom:4px}
.scroll{overflow-x:auto}
table{border-collapse:collapse}
th,td{padding:3px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
th{font-size:11px;color:var(--dim);font-weight:600}
td small{display:block;color:var(--dim);font-size:11px}
figure{margin:0 0 16px;text-align:left}
figcaption{white-space:normal}
img,svg{max-width:100%;height:auto}
@media print{:root{--page:#fff;--panel:#fff;--text:#000;--dim:#444;--line:#bbb;color-scheme:light}@page{size:A4 landscape;margin:12mm}section{break-inside:avoid}}
`;

/** Text as it may stand in HTML, in an attribute too. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (c) => entities[c]!);
}

/** What stands on a page. */
export interface Page {
  readonly title: string;
  /** The one thing to know, set large. */
  readonly verdict: string;
  /** Facts under it, in small type. */
  readonly facts: string;
  /** Something a reader must know first, such as that the data are synthetic. */
  readonly caution?: string;
  /** HTML of the sections. */
  readonly body: string;
  /** Reload after this many seconds, while a run is under way. */
  readonly refreshSeconds?: number;
  /** Share that is done, 0 … 1, as a thin line under the title. */
  readonly progress?: number;
  /** Further styles for what stands in the body. */
  readonly style?: string;
}

/** The page as one HTML document without anything from elsewhere. `body` is HTML, the rest is text. */
export function renderPage(page: Page): string {
  const refresh =
    page.refreshSeconds === undefined ? "" : `<meta http-equiv="refresh" content="${page.refreshSeconds}">`;
  const caution = page.caution === undefined ? "" : `<div class="caution">${escapeHtml(page.caution)}</div>`;
  const progress =
    page.progress === undefined
      ? ""
      : `<div class="progress"><i style="width:${(100 * page.progress).toFixed(1)}%"></i></div>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">${refresh}
<title>${escapeHtml(page.title)}</title><style>${STYLE}${page.style ?? ""}</style></head>
<body><header><h1>${escapeHtml(page.title)}<span class="ruo">Research use only</span></h1>${progress}
<div class="verdict">${escapeHtml(page.verdict)}</div><div class="facts">${escapeHtml(page.facts)}</div>${caution}</header>
<main>${page.body}</main></body></html>
`;
}
