BASE_URL=http://localhost:8000
KEY="Authorization: Bearer $MUTOSCOPE_API_KEY"

# The newest webhook of the team. Use the id of your webhook here.
WEBHOOK=$(curl -sS --fail-with-body "$BASE_URL/v1/webhooks?limit=1" -H "$KEY" | grep -o 'whk_[0-9a-f]*' | head -n 1)

curl -sS --fail-with-body "$BASE_URL/v1/webhooks/$WEBHOOK/rotate" -H "$KEY" \
  -H "Content-Type: application/json" --data '{"overlap_hours": 24}'
