/**
 * The frame of the pages of training.
 *
 * @module
 */
export { escapeHtml, type Page, renderPage } from "@renograde/formats";
