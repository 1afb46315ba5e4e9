/* What is asked: the form's fields as a value that can be kept, and as the body and headers of a call. */

import { Turns } from "./turns.js";
import { Problem } from "./tokens.js";

const FIELDS = ["system", "temperature", "max-tokens", "stop-at", "format", "schema", "cache", "end-user", "tags", "model", "model-b"];
const SWITCHES = ["stream", "compare"];

export class Form {
  constructor(root, changed) {
    this.root = root;
    this.field = (name) => root.querySelector(`#pg-${name}`);
    this.turns = new Turns(this.field("turns"), this.field("turn"), changed);
    this.extra = {};
    root.addEventListener("input", () => {
      this.follow();
      changed();
    });
  }

  /* Everything, to be kept or shown again. */
  read() {
    const values = Object.fromEntries(FIELDS.map((name) => [name, this.field(name).value]));
    const switches = Object.fromEntries(SWITCHES.map((name) => [name, this.field(name).checked]));
    return { ...values, ...switches, turns: this.turns.read(), extra: this.extra };
  }

  write(form) {
    for (const name of FIELDS) {
      const field = this.field(name);
      const value = form[name] ?? "";
      if (field instanceof HTMLSelectElement && ![...field.options].some((option) => option.value === value)) continue;
      field.value = value;
    }
    for (const name of SWITCHES) if (name in form) this.field(name).checked = form[name];
    this.extra = form.extra ?? {};
    this.turns.write(form.turns ?? []);
    this.follow();
  }

  /* What was pasted, on top of what stands there. Returns the names of models that there are not. */
  take({ system, turns, parameters }) {
    const missing = [];
    this.field("system").value = system;
    this.turns.write(turns);
    this.extra = parameters.extra;
    const set = (name, value) => {
      if (value !== undefined && value !== null) this.field(name).value = value;
    };
    set("temperature", parameters.temperature);
    set("max-tokens", parameters.maxTokens);
    set("stop-at", parameters.stop.join("\n"));
    set("end-user", parameters.endUser);
    set("tags", parameters.tags.join(", "));
    set("format", parameters.format);
    set("schema", parameters.schema ? JSON.stringify(parameters.schema, null, 2) : "");
    if (typeof parameters.stream === "boolean") this.field("stream").checked = parameters.stream;
    if (parameters.model) {
      const known = [...this.field("model").options].some((option) => option.value === parameters.model);
      if (known) this.field("model").value = parameters.model;
      else missing.push(parameters.model);
    }
    this.follow();
    return missing;
  }

  /* What depends on other fields. */
  follow() {
    this.root.querySelector("#pg-schema-row").hidden = this.field("format").value !== "schema";
    this.root.dataset.compare = this.field("compare").checked;
    for (const name of ["model-b-row"]) this.root.querySelector(`#pg-${name}`).hidden = !this.field("compare").checked;
    const names = Object.keys(this.extra);
    const told = this.root.querySelector("#pg-extra");
    told.hidden = !names.length;
    told.querySelector("span").textContent = names.join(", ");
  }

  forgetExtra() {
    this.extra = {};
    this.follow();
  }

  /* The call of one model: { body, headers, turns, system, maxTokens }. Throws a Problem that names what is wrong with the form. */
  call(model) {
    const value = (name) => this.field(name).value.trim();
    const system = value("system");
    const turns = this.turns.read().filter((turn) => turn.json !== undefined || turn.text.trim());
    if (!turns.length) throw new Problem("not_sent", 0, gettext("Write something first: the conversation is empty."));
    const body = {
      model,
      messages: [...(system ? [{ role: "system", content: system }] : []), ...turns.map(message)],
      ...this.extra,
    };
    if (value("temperature")) body.temperature = Number(value("temperature"));
    if (value("max-tokens")) body.max_completion_tokens = Number(value("max-tokens"));
    const stop = this.field("stop-at").value.split("\n").filter(Boolean);
    if (stop.length) body.stop = stop;
    if (value("format") === "json") body.response_format = { type: "json_object" };
    if (value("format") === "schema") body.response_format = { type: "json_schema", json_schema: schema(value("schema")) };
    if (this.field("stream").checked) Object.assign(body, { stream: true, stream_options: { include_usage: true } });
    if (value("end-user")) body.user = value("end-user");
    const headers = {};
    const tags = value("tags").split(",").map((tag) => tag.trim()).filter(Boolean);
    if (tags.length) headers["x-tollgate-tags"] = tags.map(encodeURIComponent).join(",");
    if (value("cache")) headers["cache-control"] = value("cache");
    return { body, headers, turns, system, maxTokens: body.max_completion_tokens };
  }

  /* The models to be asked, the one or the two. */
  models() {
    const second = this.field("compare").checked ? [this.field("model-b").value] : [];
    return [this.field("model").value, ...second];
  }
}

function message(turn, index) {
  if (turn.json === undefined) return { role: turn.role, content: turn.text };
  try {
    return JSON.parse(turn.json);
  } catch (error) {
    throw new Problem("not_sent", 0, interpolate(gettext("Message %s is no valid JSON: %s."), [index + 1, error.message]));
  }
}

function schema(text) {
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Problem("not_sent", 0, interpolate(gettext("The JSON schema is no valid JSON: %s."), [error.message]));
  }
  return given.schema ? given : { name: "answer", schema: given, strict: false };
}
