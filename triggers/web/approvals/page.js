"use strict";

const id = location.pathname.split("/").filter(Boolean).pop();
const address = `../openai/v1/approvals/${encodeURIComponent(id)}`;
const at = (name) => document.getElementById(name);
let shown = null;

async function ask(path, body) {
  const answer = await fetch(address + path, {
    method: body ? "POST" : "GET",
    headers: {
      authorization: `Bearer ${at("key").value.trim()}`,
      ...(body ? { "content-type": "application/json" } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    cache: "no-store",
    credentials: "omit",
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error.message);
  return told;
}

function say(text, kind = "") {
  at("said").className = kind;
  at("said").textContent = text;
}

function time(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

function show(approval) {
  shown = approval;
  const variants = approval.n_variants > 1 ? `, ${approval.n_variants} variants` : "";
  const from = [];
  if (approval.files) from.push(approval.files === 1 ? "1 file" : `${approval.files} files`);
  if (approval.remixed_from_video_id) from.push(approval.remixed_from_video_id);
  const parameters = Object.entries(approval.parameters).map(([name, value]) => `${name}: ${value}`);
  at("price").textContent = `$${approval.estimated}`;
  at("prompt").textContent = approval.prompt ?? "";
  at("caller").textContent = approval.caller;
  at("model").textContent =
    approval.rendered_by === approval.model
      ? approval.model
      : `${approval.rendered_by}, the successor of ${approval.model}`;
  at("form").textContent = `${approval.size}, ${approval.seconds} seconds${variants}`;
  at("files").textContent = from.join(", ");
  at("more-files").hidden = !from.length;
  at("parameters").textContent = parameters.join(", ");
  at("more-parameters").hidden = !parameters.length;
  at("when").textContent = time(approval.asked_at);
  at("until").textContent = time(approval.expires_at);
  at("decide").hidden = approval.status !== "pending" || !approval.yours_to_approve;
  at("asked").hidden = false;
  if (approval.status === "used") say(`Approved by ${approval.approved_by}. The video is ${approval.video_id}.`, "ok");
  else if (approval.status === "approved") say(`Approved by ${approval.approved_by}. The program may ask again now.`, "ok");
  else if (!approval.yours_to_approve) say("This is your own request: somebody else has to approve it.", "bad");
  else say("");
}

async function doing(button, work) {
  button.disabled = true;
  say("One moment…");
  try {
    show(await work());
    at("asked").focus();
  } catch (error) {
    const away = error instanceof TypeError || error instanceof SyntaxError;
    say(away ? "The server could not be reached. Try again." : error.message, "bad");
  } finally {
    button.disabled = false;
  }
}

at("who").addEventListener("submit", (event) => {
  event.preventDefault();
  at("asked").hidden = true;
  doing(event.submitter ?? at("who").querySelector("button"), () => ask(""));
});

at("approve").addEventListener("click", () => {
  doing(at("approve"), () => ask("/approve", { estimated: shown.estimated }));
});
