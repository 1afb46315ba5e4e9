/* What a model writes, as HTML that can do no harm: no HTML of the model's own, no pictures (each would be a call to wherever the model says; a link
   is left of them), no links but to the web. */

import MarkdownIt from "../vendor/markdown-it-15.0.3.js";

const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true }).disable("image");

markdown.validateLink = (url) => /^https?:\/\//i.test(url.trim());

markdown.renderer.rules.link_open = (tokens, index, options, env, self) => {
  tokens[index].attrSet("target", "_blank");
  tokens[index].attrSet("rel", "noopener noreferrer nofollow");
  return self.renderToken(tokens, index, options);
};

/* Show the text in the element. */
export function show(element, text) {
  element.innerHTML = markdown.render(text);
}
