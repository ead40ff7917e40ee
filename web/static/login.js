// The login form works without this; here it learns the visitor's language and why the last try failed.

import { loadWords, t } from "./words.js";

await loadWords();
for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
document.title = t("login.enter");
const query = new URLSearchParams(location.search);
const problem = document.getElementById("problem");
if (query.has("wrong")) problem.textContent = t("login.wrong");
if (query.has("wait")) problem.textContent = t("login.wait", { s: query.get("wait") });
