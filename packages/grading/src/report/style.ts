/**
 * The look of the report: a reading-room instrument, the tissue in front, everything else steps back.
 *
 * @module
 */

/** Style sheet of the report. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--page:#fff;--panel:#F5F7F8;--raised:#E9EDF0;--text:#14181B;--dim:#56616B;--line:#D5DBE0;--accent:#3B82C4}
@media (prefers-color-scheme:dark){:root{--page:#0E1113;--panel:#171B1F;--raised:#232930;--text:#E7EBEE;--dim:#9AA5AE;--line:#2C333A;--accent:#6FB1E8}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:13px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
header{padding:12px 16px 8px;border-bottom:1px solid var(--line)}
h1{font-size:13px;font-weight:600;margin:0;display:flex;gap:12px;align-items:baseline;flex-wrap:wrap}
h1 .ruo{margin-left:auto;color:var(--dim);font-weight:400}
.verdict{font-size:20px;line-height:1.3;margin:6px 0 2px}
.facts{color:var(--dim);font-size:11px}
.synthetic{margin-top:6px;padding:4px 8px;border-left:3px solid #D98A00;background:var(--panel)}
.screen{display:flex;flex-direction:column;height:100vh;min-height:560px}
.first{display:grid;grid-template-columns:minmax(0,1fr) 304px;flex:1;min-height:0}
.stage{position:relative;background:#0E1113;overflow:hidden;touch-action:none}
.stage canvas{position:absolute;inset:0;width:100%;height:100%;cursor:crosshair;outline-offset:-2px}
.stage canvas:focus-visible{outline:2px solid var(--accent)}
.scale{position:absolute;left:12px;bottom:12px;color:#fff;font-size:11px;text-shadow:0 0 3px #000;pointer-events:none}
.scale i{display:block;height:4px;border:1px solid #fff;border-top:0;margin-top:2px;box-shadow:0 0 3px rgba(0,0,0,.6)}
.zoom{position:absolute;right:12px;bottom:12px;display:flex;gap:4px}
.zoom button{width:28px;height:28px}
.side{border-left:1px solid var(--line);background:var(--panel);overflow:auto}
.panel{padding:12px;border-bottom:1px solid var(--line)}
h2{font-size:11px;font-weight:600;margin:0 0 8px;color:var(--dim)}
button,select{font:inherit;color:inherit;background:var(--raised);border:1px solid var(--line);border-radius:3px;padding:2px 8px}
select{max-width:100%}
button:focus-visible,select:focus-visible,input:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
label{display:flex;gap:8px;align-items:center;min-height:24px;cursor:pointer}
label .key{margin-left:auto;color:var(--dim);font-size:11px}
.dist{display:grid;grid-template-columns:auto auto 1fr auto auto;gap:4px 8px;align-items:center}
.dist label{display:contents}
.dist .bar{height:10px;background:var(--raised)}
.dist .bar i{display:block;height:100%}
.dist .n{text-align:right}
.dist .share{text-align:right;min-width:44px}
.swatch{width:10px;height:10px;display:inline-block;border:1px solid rgba(0,0,0,.4)}
.nucleus .big{font-size:20px;line-height:1.2}
.task{margin:8px 0}
.task .name{display:flex;justify-content:space-between;font-size:11px;color:var(--dim)}
.stack{display:flex;height:14px;background:var(--raised);overflow:hidden}
.stack i{display:block;height:100%}
.stack-legend{font-size:11px}
main{max-width:1080px;padding:8px 16px 32px}
section{margin-top:24px;break-inside:avoid}
section>h2{font-size:13px;color:var(--text);border-bottom:1px solid var(--line);padding-bottom:4px}
table{border-collapse:collapse;width:100%}
.scroll{overflow-x:auto}
th,td{padding:3px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
th{font-size:11px;color:var(--dim);font-weight:600}
td button{padding:0 6px}
.card td{white-space:normal;text-align:left}
.card td:first-child{color:var(--dim);width:190px;vertical-align:top}
.histograms{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:16px}
figure{margin:0}
figcaption{font-size:11px;font-weight:600}
figcaption span{color:var(--dim);font-weight:400}
.histogram svg{width:100%;height:auto}
.histogram text{font-size:10px;fill:var(--dim)}
.histogram .axis{stroke:var(--line)}
.help{color:var(--dim);font-size:11px}
.printed{display:none}
.empty{padding:0 16px}
noscript{display:block;padding:12px}
@media (max-width:760px){.screen{height:auto}.first{display:block}.stage{height:70vh}.side{border-left:0}}
@media print{
 :root{--page:#fff;--panel:#fff;--raised:#eee;--text:#000;--dim:#444;--line:#bbb;color-scheme:light}
 @page{size:A4;margin:14mm}
 *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
 .screen{display:block;height:auto;min-height:0}.first{display:block}.stage{display:none}.side{border:0;overflow:visible}.zoom,.help,.layers,.nucleus,.picker,td button{display:none}
 .printed{display:block;width:100%;max-height:200mm;object-fit:contain;border:1px solid #bbb}
 .panel{padding:8px 0}main{padding:0;max-width:none}header{padding:0 0 8px}
}
`;
