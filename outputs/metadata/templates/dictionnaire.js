
const plain = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const search = document.getElementById("chercher");
const found = document.getElementById("trouve");
const tables = document.querySelector("nav");
const sections = [...document.querySelectorAll("section[data-table]")].map(section => ({
  section,
  title: plain(section.querySelector("h2").textContent + " " + section.querySelector(".what").textContent),
  rows: [...section.querySelectorAll("tbody tr")].map(row => ({row, text: plain(row.textContent)})),
}));
search.closest("form").hidden = false;
search.addEventListener("input", () => {
  const words = plain(search.value).split(/\s+/).filter(Boolean);
  let columns = 0;
  tables.hidden = words.length > 0;
  for (const {section, title, rows} of sections) {
    let shown = 0;
    for (const {row, text} of rows) {
      row.hidden = !words.every(word => text.includes(word) || title.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    section.hidden = shown === 0;
    columns += shown;
  }
  found.textContent = words.length ? `${columns} colonne${columns > 1 ? "s" : ""}` : "";
});
