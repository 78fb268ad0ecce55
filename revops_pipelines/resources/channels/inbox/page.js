"use strict";
// Asks every three seconds whether the list changed, and swaps it if so. The answer is HTML that the
// server has escaped; the content policy lets no script in it run.
(() => {
  const list = document.getElementById("messages");
  const state = document.getElementById("state");
  let tag = "";
  const look = async () => {
    try {
      const answer = await fetch("messages", { headers: tag ? { "If-None-Match": tag } : {} });
      // Nobody's half-written reason is swept away.
      const busy = list.querySelector("details[open]") || list.contains(document.activeElement);
      if (answer.status === 200 && !busy) {
        tag = answer.headers.get("ETag") || "";
        list.innerHTML = await answer.text();
      }
      state.textContent = "Refreshed " + new Date().toLocaleTimeString();
    } catch {
      state.textContent = "Not reachable; trying again";
    }
    setTimeout(look, document.hidden ? 15000 : 3000);
  };
  look();
})();
